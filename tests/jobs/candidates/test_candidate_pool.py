from __future__ import annotations

from tests.jobs.candidates.rows import CUTOFF, history, with_sign


def row(product: str, rank: int, attributions: list[tuple[str, float]] = ()) -> dict[str, object]:
    return {"cutoff": CUTOFF, "user_id": "u", "product_id": product, "rank": rank, "score": 1.0, "normalized_score": 1 / rank,
            "attributions": list(attributions)}  # fmt: skip


def test_the_pool_keeps_each_source_with_its_rank_and_marks_what_is_owned(warehouse):
    warehouse.seed("candidates.transitions", [row("x", 2, [("a", 1.0)]), row("a", 1)])
    warehouse.seed("candidates.als", [row("x", 1)])
    warehouse.seed("features.user_history", [history("u", ("2020-01-01", "a"))])
    warehouse.run("candidates.candidate_pool")
    found = warehouse.rows("candidates.candidate_pool", "user_id", "product_id", "owned", "sources")
    said = [
        [(s["source"], s["rank"], s["normalized_score"], list(map(tuple, s["attributions"]))) for s in r[3]]
        for r in found
    ]
    assert [r[:3] for r in found] == [("u", "a", True), ("u", "x", False)]
    assert said == [[("transitions", 1, 1.0, [])], [("als", 1, 1.0, []), ("transitions", 2, 0.5, [("a", 1.0)])]]


def test_disliked_products_are_in_no_pool_and_what_was_only_reviewed_is_known(warehouse):
    warehouse.seed("candidates.transitions", [row(p, 1) for p in ("a", "b", "x")])
    reviewed = with_sign(history("u", ("2020-01-01", "a b")), "b", 1, "review")
    warehouse.seed("features.user_history", [with_sign(reviewed, "a", -1)])
    warehouse.run("candidates.candidate_pool")
    assert warehouse.rows("candidates.candidate_pool", "product_id", "owned") == [("b", True), ("x", False)]
