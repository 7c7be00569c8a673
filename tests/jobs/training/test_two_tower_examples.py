from datetime import date

DAY = date(2020, 2, 1)


def history(user, *events):
    """events: (step, day of January, product)."""
    listed = [
        {"step": step, "event_day": date(2020, 1, day), "product_id": product, "kind": "purchase", "quantity": 1}
        | {"amount": None, "rating": None, "sign": 1}
        for step, day, product in events
    ]
    return {"cutoff": DAY, "user_id": user, "events": listed, "owned": [], "disliked": []}


def seed(warehouse, *histories):
    warehouse.seed("features.user_history", list(histories))
    vocabulary = [{"cutoff": DAY, "product_id": p, "id": i} for i, p in enumerate("abcd", 1)]
    warehouse.seed("training.vocabulary", vocabulary)
    numbers = {
        "recency_days": 1,
        "frequency": 1,
        "events": 1,
        "products": 1,
        "tenure_days": 1,
        "ratings": 0,
        "tastes": {},
    }
    warehouse.seed(
        "features.user_profile",
        [numbers | {"cutoff": DAY, "user_id": h["user_id"], "vector": [0.5, 0.25]} for h in histories],
    )


def test_a_target_sees_only_products_of_earlier_steps(warehouse):
    seed(warehouse, history("u", (1, 1, "a"), (2, 11, "b"), (2, 11, "c"), (3, 14, "d")))
    warehouse.run("training.two_tower_examples")
    found = {}
    for row in warehouse.collect("training.two_tower_examples"):
        found[row.target] = (row.step, row.history[-4:], row.history_age[-4:], len(row.history), list(row.profile))
    assert found == {
        2: (2, [0, 0, 0, 1], [0.0, 0.0, 0.0, 10.0], 20, [0.5, 0.25]),
        3: (2, [0, 0, 0, 1], [0.0, 0.0, 0.0, 10.0], 20, [0.5, 0.25]),
        4: (3, [0, 1, 2, 3], [0.0, 13.0, 3.0, 3.0], 20, [0.5, 0.25]),
    }


def test_what_does_not_speak_for_a_product_is_neither_history_nor_target(warehouse):
    row = history("u", (1, 1, "a"), (2, 2, "b"), (3, 3, "c"), (4, 4, "d"))
    row["events"][1]["sign"], row["events"][3]["sign"] = -1, 0  # b disliked, d only looked at
    seed(warehouse, row)
    warehouse.run("training.two_tower_examples")
    [found] = warehouse.collect("training.two_tower_examples")
    assert (found.target, found.history[-2:]) == (3, [0, 1])


def test_products_outside_the_vocabulary_are_left_out_and_only_the_last_targets_are_kept(warehouse):
    seed(warehouse, history("u", (1, 1, "a"), (2, 2, "unknown"), (3, 3, "b"), (4, 4, "c"), (5, 5, "d")))
    warehouse.params["training.two_tower_examples"] = {"targets": 2}
    warehouse.run("training.two_tower_examples")
    assert warehouse.rows("training.two_tower_examples", "step", "target") == [(4, 3), (5, 4)]


def test_the_snapshot_has_a_file_a_rank(warehouse):
    seed(warehouse, *[history(f"u{i}", (1, 1, "a"), (2, 2, "b")) for i in range(20)])
    warehouse.run("training.two_tower_examples")
    assert len(warehouse.read("training.two_tower_examples").inputFiles()) >= 2


def test_of_many_examples_about_as_many_as_asked_for_are_chosen_and_the_same_ones_again(warehouse):
    # 200 users of 3 events each: 600 events that may be targets, 400 of which have a step before them.
    seed(warehouse, *[history(f"u{i}", (1, 1, "a"), (2, 2, "b"), (3, 3, "c")) for i in range(200)])
    job, columns = "training.two_tower_examples", ("user_id", "step", "target")
    warehouse.run(job)
    everything = warehouse.rows(job, *columns)
    assert len(everything) == 400
    warehouse.params[job] = {"examples": 150}
    warehouse.run(job)
    chosen = warehouse.rows(job, *columns)
    # A quarter of 400, give or take four standard deviations (8.7 each).
    assert 65 < len(chosen) < 135 and set(chosen) < set(everything)
    warehouse.run(job)
    assert warehouse.rows(job, *columns) == chosen
