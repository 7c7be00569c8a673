from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from delta.tables import DeltaTable

from jobs.users.user_ledger import newest_known
from libs.query.checksum import checksum
from libs.spark import delta
from libs.tables import table
from tests.builders import event
from tests.conftest import Warehouse

D = date.fromisoformat
LEDGER = "features.user_ledger"


def deliver(warehouse, start: str, rows: list[dict[str, object]], days: int = 1) -> None:
    """Writes a window of silver.events as ingest.events does."""
    found, window = table("silver.events"), (D(start), D(start) + timedelta(days=days))
    full = [{c: row.get(c) for c in found.column_names} | {"shop": "tiny", "period": "2020-01"} for row in rows]
    frame = warehouse.spark.createDataFrame([tuple(row.values()) for row in full], found.ddl)
    delta.write(warehouse.spark, warehouse.conf.env.warehouse, found, frame, "tiny", window)


def night(warehouse, *cutoffs: str):
    return warehouse.run("users.user_ledger", cutoffs=cutoffs)


def given_back(user: str, product: str, day: str, bought: str, quantity: int = 1) -> dict[str, object]:
    at = datetime.fromisoformat(f"{bought}T12:00:00").replace(tzinfo=UTC)
    return event(user, product, day, kind="return", quantity=quantity, purchase_time=at)


def ledger(warehouse, cutoff: str, user: str = "u"):
    [row] = warehouse.read(LEDGER).where(f"cutoff = '{cutoff}' AND user_id = '{user}'").collect()
    lines = [(e["product_id"], e["lines"], e["pieces"], e["amount"], e["returned"]) for e in row["ledger"]]
    return lines, row["earlier_totals"].asDict()


def test_the_newest_lines_are_whole_and_of_older_ones_the_sums(warehouse):
    warehouse.params["users.user_ledger"] = {"most_taken": 2, "most_seen": 1}
    rows = [event("u", p, f"2020-01-0{n}", quantity=n, amount=Decimal(n)) for n, p in enumerate("abac", 1)]
    rows += [event("u", p, "2020-01-09", kind="view", quantity=None, amount=None) for p in "xy"]
    warehouse.seed("silver.events", [*rows, given_back("u", "c", "2020-01-09", "2020-01-04", 3)])
    night(warehouse, "2020-02-01")
    lines, older = ledger(warehouse, "2020-02-01")
    assert lines[1:] == [("c", 1, 4, Decimal("4.0000"), 3), ("a", 1, 3, Decimal("3.0000"), None)]
    assert lines[0][0] in "xy"
    # 1 January's a and 2 January's b: 1 and 2.
    assert older == {"lines": 2, "money": Decimal("3.0000"), "days": [D("2020-01-01"), D("2020-01-02")],
                     "products": ["a", "b"], "disliked": []}  # fmt: skip


def test_a_line_of_a_known_order_and_a_return_add_up_with_what_is_there(warehouse):
    deliver(warehouse, "2020-01-03", [event("u", "a", "2020-01-03", quantity=2, amount=Decimal("4.00"))])
    night(warehouse, "2020-01-04")
    more = event("u", "a", "2020-01-03", quantity=3, amount=Decimal("6.00"), row_id="2") | {"day": D("2020-01-05")}
    deliver(warehouse, "2020-01-05", [more, given_back("u", "a", "2020-01-05", "2020-01-03")])
    night(warehouse, "2020-01-06")
    assert ledger(warehouse, "2020-01-04")[0] == [("a", 1, 2, Decimal("4.0000"), None)]
    assert ledger(warehouse, "2020-01-06")[0] == [("a", 2, 5, Decimal("10.0000"), 1)]


def lives(seed: int, days: int) -> dict[str, list[dict[str, object]]]:
    """Events of a dozen users by the day they became known: late ones, of days to come, views, returns, in disorder."""
    random_ = random.Random(seed)
    first, found, bought = D("2020-01-02"), {}, []
    for number in range(days):
        day, rows = first + timedelta(days=number), []
        for i in range(random_.randrange(25)):
            happened = day + timedelta(days=random_.choice((-5, -1, 0, 0, 0, 0, 1)))
            user, product = f"{seed}u{random_.randrange(12)}", f"p{random_.randrange(5)}"
            kind = random_.choice(("purchase", "purchase", "review", "view"))
            sold = {"quantity": random_.randrange(1, 4), "amount": Decimal(random_.randrange(1, 900)) / 100}
            told = sold if kind == "purchase" else {"quantity": None, "amount": None}
            rating = float(random_.randrange(1, 6)) if kind == "review" else None
            row = event(user, product, f"{happened}", kind=kind, rating=rating, row_id=f"{seed}-{day}-{i}", **told)
            rows.append(row)
            if kind == "purchase" and happened <= day:
                bought.append((user, product, happened))
        for _ in range(min(len(bought), random_.randrange(4))):
            user, product, happened = random_.choice(bought)
            rows.append(given_back(user, product, f"{day}", f"{happened}", random_.randrange(1, 4)))
        random_.shuffle(rows)
        found[f"{day}"] = [row | {"day": day} for row in rows]
    return found


def test_night_by_night_is_the_same_as_from_all_events_at_once(warehouse, tmp_path):
    caps = {"users.user_ledger": {"most_taken": 3, "most_seen": 1}}
    warehouse.params |= caps
    shops = [lives(seed, 8) for seed in range(3)]
    deliveries = {day: [row for shop in shops for row in shop[day]] for day in shops[0]}
    for day, rows in deliveries.items():
        deliver(warehouse, day, rows)
        night(warehouse, f"{D(day) + timedelta(days=1)}")
    whole = Warehouse(warehouse.spark, tmp_path / "whole")
    whole.params |= caps
    deliver(whole, "2020-01-02", [row for rows in deliveries.values() for row in rows], days=8)
    night(whole, *[f"{D(day) + timedelta(days=1)}" for day in deliveries])
    nightly, at_once = (checksum(one.read(LEDGER), table(LEDGER)) for one in (warehouse, whole))
    assert nightly == at_once
    assert nightly.rows > 120


def base(warehouse, cutoff: str):
    """The earlier cut-off that a night would go on from."""
    ctx = warehouse.context("users.user_ledger", cutoffs=(cutoff,))
    rules = {"acting": ["purchase", "review"], "acquiring": ["purchase"], "dislikes_to": 2.0}
    return newest_known(ctx, {"most_taken": 1000, "most_seen": 200} | rules)


def test_a_night_goes_on_from_the_newest_ledgers_whose_events_nobody_changed(warehouse):
    for day in ("2020-01-02", "2020-01-03", "2020-01-04"):
        deliver(warehouse, day, [event("u", "a", day), event("v", "b", day)])
        night(warehouse, f"{D(day) + timedelta(days=1)}")
    path = delta.uri(warehouse.conf.env.warehouse, table("silver.events"))
    assert base(warehouse, "2020-01-06") == D("2020-01-05")
    assert base(warehouse, "2020-01-05") == D("2020-01-04")  # never from itself: a rerun repairs what it finds
    assert base(warehouse, "2020-01-03") is None
    # Neither another layout nor another shop's delivery changes what is known.
    DeltaTable.forPath(warehouse.spark, path).optimize().executeCompaction()
    found = table("silver.events")
    other = warehouse.read("silver.events").limit(0)
    delta.write(
        warehouse.spark, warehouse.conf.env.warehouse, found, other, "other", (D("2019-01-01"), D("2019-01-02"))
    )
    assert base(warehouse, "2020-01-06") == D("2020-01-05")
    # A day delivered again: ledgers that know it are made anew, those before it hold.
    deliver(warehouse, "2020-01-03", [event("u", "c", "2020-01-03")])
    assert base(warehouse, "2020-01-06") == D("2020-01-03")
    night(warehouse, "2020-01-06")
    assert [line[0] for line in ledger(warehouse, "2020-01-06")[0]] == ["a", "c", "a"]
    # Rows deleted by nobody knows whom: from all events.
    DeltaTable.forPath(warehouse.spark, path).delete("user_id = 'v'")
    assert base(warehouse, "2020-01-07") is None
    night(warehouse, "2020-01-07")
    assert warehouse.read(LEDGER).where("cutoff = '2020-01-07'").count() == 1


def test_other_rules_of_what_is_kept_make_the_ledgers_anew(warehouse):
    deliver(warehouse, "2020-01-02", [event("u", p, "2020-01-02") for p in "abc"])
    warehouse.params["users.user_ledger"] = {"most_taken": 1}
    night(warehouse, "2020-01-03")
    warehouse.params["users.user_ledger"] = {"most_taken": 2}
    night(warehouse, "2020-01-04")
    assert [len(ledger(warehouse, day)[0]) for day in ("2020-01-03", "2020-01-04")] == [1, 2]


def test_the_day_s_delivery_is_all_that_is_read_of_the_events(warehouse):
    """Files of days before the ledger's are not opened at all."""
    for day in ("2020-01-02", "2020-01-03"):
        deliver(warehouse, day, [event("u", "a", day)])
        night(warehouse, f"{D(day) + timedelta(days=1)}")
    deliver(warehouse, "2020-01-04", [event("u", "b", "2020-01-04")])
    events = warehouse.read("silver.events")
    old = events.where("day < '2020-01-04'").inputFiles()
    new = set(events.where("day >= '2020-01-04'").inputFiles())
    for file in set(old) - new:
        Path(file.removeprefix("file://")).unlink()
    night(warehouse, "2020-01-05")
    assert [line[0] for line in ledger(warehouse, "2020-01-05")[0]] == ["b", "a", "a"]
