from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from tests.builders import event


def seed(warehouse, rows):
    warehouse.seed("silver.events", rows)


def histories(warehouse, *cutoffs):
    for job in ("users.user_ledger", "users.user_history"):
        warehouse.run(job, cutoffs=cutoffs or ("2020-02-01",))
    rows = warehouse.own("features.user_history")
    return {(str(row["cutoff"]), row["user_id"]): row for row in rows}


def signs(row):
    return [e["sign"] for e in row["events"]]


def review(user, product, day, stars):
    return event(user, product, day, kind="review", rating=stars, quantity=None, amount=None)


def noon(day):
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def returned(user, product, day, bought, quantity, known=None):
    row = event(
        user,
        product,
        day,
        kind="return",
        quantity=quantity,
        purchase_time=noon(bought),
        row_id=f"r-{user}-{product}-{day}",
    )
    return row | ({"day": date.fromisoformat(known)} if known else {})


def short(row):
    return [(e["step"], e["product_id"], e["quantity"]) for e in row["events"]]


def test_events_stand_oldest_first_and_one_timestamp_is_one_step(warehouse):
    seed(warehouse, [event("u", "c", "2020-01-09"), event("u", "a", "2020-01-03"), event("u", "b", "2020-01-03")])
    row = histories(warehouse)["2020-02-01", "u"]
    assert [e["step"] for e in row["events"]] == [1, 1, 2]
    assert {e["product_id"] for e in row["events"][:2]} == {"a", "b"}
    assert row["events"][2]["product_id"] == "c"
    assert row["owned"] == ["a", "b", "c"]


def test_returned_pieces_are_taken_off_and_what_was_wholly_returned_speaks_against_the_product(warehouse):
    seed(
        warehouse,
        [
            event("u", "half", "2020-01-03", quantity=4, amount=Decimal("10.00")),
            event("u", "gone", "2020-01-04", quantity=2),
            event("u", "twice", "2020-01-05"),
            event("u", "twice", "2020-01-06"),
            returned("u", "half", "2020-01-10", "2020-01-03", 1),
            returned("u", "gone", "2020-01-10", "2020-01-04", 2),
            returned("u", "twice", "2020-01-10", "2020-01-05", 1),
        ],
    )
    row = histories(warehouse)["2020-02-01", "u"]
    assert short(row) == [(1, "half", 3), (2, "gone", 0), (3, "twice", 0), (4, "twice", 1)]
    assert signs(row) == [1, -1, -1, 1]
    # 10.00 for 4 pieces, 3 of them kept: 7.50.
    assert row["events"][0]["amount"] == Decimal("7.5000")
    assert (row["owned"], row["disliked"]) == (["half", "twice"], ["gone"])


def test_the_latest_review_decides_and_a_return_wins(warehouse):
    rows = {
        "bought, disliked": [event("", "a", "2020-01-01"), review("", "a", "2020-01-02", 2.0)],
        "disliked, liked": [review("", "a", "2020-01-01", 1.0), review("", "a", "2020-01-02", 5.0)],
        "liked, disliked": [review("", "a", "2020-01-01", 5.0), review("", "a", "2020-01-02", 2.0)],
        "disliked, bought": [review("", "a", "2020-01-01", 1.0), event("", "a", "2020-01-02")],
        "neutral": [review("", "a", "2020-01-01", 3.0)],
        "returned, liked": [event("", "a", "2020-01-01"), returned("", "a", "2020-01-02", "2020-01-01", 1),
                            review("", "a", "2020-01-03", 5.0)],
        "returned, bought": [event("", "a", "2020-01-01"), returned("", "a", "2020-01-02", "2020-01-01", 1),
                             event("", "a", "2020-01-03")],
        "disliked, seen": [review("", "a", "2020-01-01", 1.0), event("", "a", "2020-01-02", kind="view")],
    }  # fmt: skip
    seed(
        warehouse,
        [one | {"user_id": user, "row_id": f"{user} {n}"} for user in rows for n, one in enumerate(rows[user])],
    )
    found = {user: row for (_, user), row in histories(warehouse).items()}
    assert {user: (signs(row), row["owned"], row["disliked"]) for user, row in found.items()} == {
        "bought, disliked": ([-1, -1], [], ["a"]),
        "disliked, liked": ([-1, 1], [], []),
        "liked, disliked": ([-1, -1], [], ["a"]),
        "disliked, bought": ([-1, -1], [], ["a"]),
        "neutral": ([1], [], []),
        "returned, liked": ([-1, -1], [], ["a"]),
        "returned, bought": ([-1, 1], ["a"], []),
        "disliked, seen": ([-1, -1], [], ["a"]),
    }


def test_the_shop_says_from_how_many_stars_a_review_is_a_liking_and_what_is_neither(make_warehouse):
    warehouse = make_warehouse(action="review", likes_from=5, dislikes_to=3, neutral_counts=False)
    seed(warehouse, [review("u", f"p{stars}", f"2020-01-0{stars}", float(stars)) for stars in (3, 4, 5)])
    row = histories(warehouse)["2020-02-01", "u"]
    assert (signs(row), row["owned"], row["disliked"]) == ([-1, 0, 1], ["p4", "p5"], ["p3"])


def test_a_dislike_outlives_the_lines_that_are_kept_whole_until_a_newer_review(warehouse):
    warehouse.params["users.user_ledger"] = {"most_taken": 1}
    seed(
        warehouse,
        [
            review("u", "a", "2020-01-01", 1.0), event("u", "b", "2020-01-02"),
            review("v", "a", "2020-01-01", 1.0), review("v", "a", "2020-01-02", 4.0),
        ],
    )  # fmt: skip
    found = histories(warehouse)
    assert [found["2020-02-01", user]["disliked"] for user in "uv"] == [["a"], []]


def test_a_return_counts_only_from_the_day_it_was_known(warehouse):
    seed(
        warehouse,
        [event("u", "a", "2020-01-03"), returned("u", "a", "2020-01-08", "2020-01-03", 1, known="2020-01-15")],
    )
    found = histories(warehouse, "2020-01-10", "2020-01-16")
    assert short(found["2020-01-10", "u"]) == [(1, "a", 1)]
    late = found["2020-01-16", "u"]
    assert (short(late), late["owned"], late["disliked"]) == ([(1, "a", 0)], [], ["a"])


def test_two_lines_of_a_product_in_one_order_are_one_event_and_share_their_return(warehouse):
    lines = [
        event("u", "a", "2020-01-03", quantity=2, row_id="1"),
        event("u", "a", "2020-01-03", quantity=3, row_id="2"),
    ]
    seed(warehouse, [*lines, returned("u", "a", "2020-01-09", "2020-01-03", 4)])
    assert short(histories(warehouse)["2020-02-01", "u"]) == [(1, "a", 1)]


def test_an_unpaired_return_and_a_guest_leave_no_trace(warehouse):
    seed(
        warehouse,
        [
            event("u", "a", "2020-01-03"),
            event("u", "a", "2020-01-05", kind="return", row_id="r"),
            event(None, "a", "2020-01-04"),
        ],
    )
    found = histories(warehouse)
    assert list(found) == [("2020-02-01", "u")]
    assert short(found["2020-02-01", "u"]) == [(1, "a", 1)]


def test_a_view_is_an_event_but_does_not_make_a_product_owned(warehouse):
    seed(
        warehouse,
        [
            event("u", "seen", "2020-01-03", kind="view", quantity=None, amount=None),
            event("u", "rated", "2020-01-04", kind="review", quantity=None, amount=None, rating=4.0),
        ],
    )
    row = histories(warehouse)["2020-02-01", "u"]
    # Nor does a review, in a shop that sells; it is a liking all the same.
    assert [(e["kind"], e["rating"], e["sign"]) for e in row["events"]] == [("view", None, 0), ("review", 4.0, 1)]
    assert row["owned"] == []


def test_the_newest_events_are_kept_and_steps_count_from_the_oldest_kept_while_owned_holds_all(warehouse):
    warehouse.params["users.user_history"] = {"most_events": 2}
    seed(warehouse, [event("u", product, f"2020-01-0{i}") for i, product in enumerate("abcd", 1)])
    row = histories(warehouse)["2020-02-01", "u"]
    assert short(row) == [(1, "c", 1), (2, "d", 1)]
    assert row["owned"] == ["a", "b", "c", "d"]


def test_a_later_event_changes_nothing_as_of_an_earlier_cutoff(warehouse):
    seed(warehouse, [event("u", "a", "2020-01-03")])
    before = histories(warehouse, "2020-01-10")["2020-01-10", "u"]
    seed(warehouse, [event("u", "b", "2020-01-10"), event("u", "c", "2020-01-05") | {"day": date(2020, 1, 12)}])
    found = histories(warehouse, "2020-01-10", "2020-01-13")
    assert found["2020-01-10", "u"] == before
    assert [e["product_id"] for e in found["2020-01-13", "u"]["events"]] == ["a", "c", "b"]


def test_order_and_partitions_of_the_input_do_not_show(warehouse, make_warehouse):
    rows = [event(f"u{n % 3}", f"p{n % 7}", f"2020-01-{1 + n % 9:02d}", row_id=str(n)) for n in range(60)]
    other = make_warehouse(name="other")
    seed(warehouse, rows)
    for part in (rows[40:], rows[:40][::-1]):
        seed(other, part)
    once, again = histories(warehouse), histories(other)
    assert len(once) == 3
    assert {k: (r["events"], r["owned"]) for k, r in once.items()} == {
        k: (r["events"], r["owned"]) for k, r in again.items()
    }
