from datetime import date

from tests.jobs.candidates.rows import product


def test_ids_count_from_one_by_product_id_in_each_cutoff(warehouse):
    early, late = date(2020, 1, 1), date(2020, 2, 1)
    rows = [(late, "b"), (early, "b"), (late, "B"), (late, "a")]
    warehouse.seed("features.product_profile", [product(name, cutoff=cutoff) for cutoff, name in rows])
    warehouse.run("training.vocabulary", folds=("2020-01-01",))
    found = warehouse.rows("training.vocabulary", "cutoff", "id", "product_id")
    assert found == [(early, 1, "b"), (late, 1, "B"), (late, 2, "a"), (late, 3, "b")]
