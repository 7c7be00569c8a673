"""The formula for Spark columns equals the one for arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from libs.ranking.fused import with_attributions, with_score
from libs.ranking.fusion import POWERS, FusionWeights, score
from libs.tables import SOURCES

N = len(SOURCES)
_ATTRIBUTION = "struct<product_id:string,attribution_share:double>"
POOL = f"sources array<struct<source:string,normalized_score:double,attributions:array<{_ATTRIBUTION}>>>"
# Per source its normalized score, 0 where it does not name the candidate, and what one history item carries of it.
SOURCE = st.tuples(st.just(0.0) | st.floats(1e-6, 1), st.floats(-0.5, 2.5))
CANDIDATES = st.lists(st.tuples(*[SOURCE] * N), min_size=20, max_size=60)


@given(
    CANDIDATES,
    st.lists(st.integers(0, 9), min_size=N, max_size=N).filter(any),
    st.lists(st.sampled_from(POWERS), min_size=N, max_size=N),
)
@settings(max_examples=3, deadline=None)  # each is a Spark job of some dozens of candidates
def test_spark_and_numpy_state_one_formula(spark, candidates, raw_weights, powers):
    weights = FusionWeights(SOURCES, tuple(w / sum(raw_weights) for w in raw_weights), tuple(powers))
    features, shares = np.moveaxis(np.array(candidates), 2, 0)
    rows = [
        ([(s, float(r), [("h", float(share))]) for s, r, share in zip(SOURCES, *row, strict=True) if r],)
        for row in np.stack([features, shares], axis=1)
    ]
    pool = spark.createDataFrame(rows, POOL).coalesce(1)
    explained = with_attributions(with_score(pool, weights), weights, N, lambda product: F.lit(True))
    shown = explained.select("score", "contributions", "attributions")
    scores = score(features, weights)
    for i, row in enumerate(shown.collect()):
        assert row.score == pytest.approx(scores[i])
        # What a source gives is the score of the candidate in that source alone.
        alone = {s: float(score([np.eye(N)[j] * features[i]], weights)[0]) for j, s in enumerate(SOURCES)}
        assert row.contributions == pytest.approx({s: part for s, part in alone.items() if part > 0})
        # Without a history item the source keeps the rest of its normalized score, and no less than nothing.
        falls = {}
        for j, s in enumerate(SOURCES):
            kept = features[i] * np.where(np.arange(N) == j, max(0.0, 1 - shares[i, j]), 1.0)
            if kept[j] <= 1:  # an item that pulls down may leave more than 1, which is no normalized score
                falls[s] = float(scores[i] - score([kept], weights)[0])
        found = {a.source: a.contribution for a in row.attributions}
        for s, expected in falls.items():
            assert found.get(s, 0.0) == pytest.approx(max(expected, 0.0), abs=1e-9)
