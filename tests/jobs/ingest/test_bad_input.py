"""Bad input ends in exit status 2 and one line that names the thing and the fix; nothing of the run is lost or kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libs.errors import OperatorError
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import ORDER_COLUMNS, order, orders_source, write_orders

WHERE = "conf/shops/tiny.yaml: sources.orders"
HAS = "order_id, user_id, product_id, event_time, quantity, price"


def refused(shop: Warehouse, *jobs: str, **window: str) -> str:
    """The one line with which the last of the jobs stops."""
    with pytest.raises(OperatorError) as caught:
        for job in jobs or ("ingest.bronze",):
            shop.run(job, **window)
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    shop = make_warehouse(sources={"orders": orders_source(tmp_path / "no.csv")})
    assert refused(shop) == f"{WHERE}.path: no file at file://{tmp_path}/no.csv; put it there, or correct the path"


def test_broken_gzip_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    lines = "\n".join([",".join(ORDER_COLUMNS), *(order(order_id=f"o{i * 7919 % 10007}") for i in range(5000))])
    whole = gzip.compress(lines.encode())
    (tmp_path / "orders.csv.gz").write_bytes(whole[: len(whole) // 2])
    shop = make_warehouse(sources={"orders": orders_source(tmp_path / "orders.csv.gz")})
    assert refused(shop) == (
        f"cannot read file://{tmp_path}/orders.csv.gz: the file is broken (Unexpected end of input stream);"
        " deliver it again, then rerun"
    )
    assert shop.read("bronze.transactions").isEmpty()


def test_what_is_no_gzip_at_all_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    write_orders(tmp_path / "orders.csv.gz", [order()])
    shop = make_warehouse(sources={"orders": orders_source(tmp_path / "orders.csv.gz")})
    assert refused(shop) == (
        f"cannot read file://{tmp_path}/orders.csv.gz: the file is broken (not a gzip file);"
        " deliver it again, then rerun"
    )


def test_truncated_parquet_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    pq.write_table(pa.table({name: ["x"] * 1000 for name in ORDER_COLUMNS}), tmp_path / "whole.parquet")
    (tmp_path / "orders.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:300])
    shop = make_warehouse(sources={"orders": orders_source(tmp_path / "orders.parquet", format="parquet")})
    line = refused(shop)
    assert line.startswith(f"cannot read file://{tmp_path}/orders.parquet: the file is broken (")
    assert line.endswith("; deliver it again, then rerun")


def test_empty_source_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    path = write_orders(tmp_path / "orders.csv", [])
    shop = make_warehouse(sources={"orders": orders_source(path)})
    assert refused(shop) == f"{WHERE}: source orders has no rows in file://{path}; deliver it again"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"price": "UnitPrce"}, f"{WHERE}.columns.price: FILE has no column UnitPrce; it has {HAS} (`optional` lists what files may lack)"),
        ({"price": "cast(price as"}, f"{WHERE}.columns.price: not a valid SQL expression: Syntax error at or near end of input."),
        ({"price": "sum(price)"}, f"{WHERE}.columns.price: sum(...) is not allowed: it changes the number of rows; an expression gives one value for one row"),
        ({"price": "array(price)"}, f"{WHERE}.columns.price: is array<string>, string is needed; add `join: ' > '` to the source, or write array_join(x, ' > ')"),
    ],
)  # fmt: skip
def test_mapping_that_cannot_be_is_named(
    make_warehouse: Callable[..., Warehouse], tmp_path: Path, changed: dict[str, str], line: str
) -> None:
    path = write_orders(tmp_path / "orders.csv", [order()])
    source = orders_source(path)
    source["columns"] |= changed  # type: ignore[operator]
    assert refused(make_warehouse(sources={"orders": source})) == line.replace("FILE", path.as_uri())


def test_condition_that_is_none_is_named(make_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    path = write_orders(tmp_path / "orders.csv", [order()])
    shop = make_warehouse(sources={"orders": orders_source(path, exclude={"postage": "upper(product_id)"})})
    assert refused(shop) == f"{WHERE}.exclude.postage: is string, a condition is needed"


def test_day_that_was_not_delivered_is_named_unless_the_shop_is_closed(
    make_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    # 2020-01-04 is a Saturday, 2020-01-05 a Sunday.
    write_orders(tmp_path / "2020-01-03" / "orders.csv", [order(order_id="o3", event_time="2020-01-03")])
    write_orders(tmp_path / "2020-01-06" / "orders.csv", [order(order_id="o6", event_time="2020-01-05")])
    source = orders_source(tmp_path / "{date}" / "orders.csv")
    shop = make_warehouse(sources={"orders": source}, closed_weekdays=[5])
    assert refused(shop, start="2020-01-03", end="2020-01-07") == (
        f"{WHERE}.path: no file at file://{tmp_path}/2020-01-05/orders.csv;"
        " deliver the day, or list it in closed_weekdays or closed_days"
    )
    shop = make_warehouse(sources={"orders": source}, closed_weekdays=[5], closed_days=["2020-01-05"])
    for job in ("ingest.bronze", "ingest.silver"):
        shop.run(job, start="2020-01-03", end="2020-01-07")
    # The day is the delivery's; what happened on Sunday became known as Monday began.
    found = [(str(d), str(e), str(k)) for d, e, k in shop.rows("silver.transactions", "day", "event_day", "known_at")]
    assert found == [
        ("2020-01-03", "2020-01-03", "2020-01-03 00:00:00"),
        ("2020-01-06", "2020-01-05", "2020-01-06 00:00:00"),
    ]


def test_too_many_bad_rows_stop_the_run_and_are_kept_to_look_at(
    make_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    good = [order(order_id=f"o{i}") for i in range(16)]
    prices = [order(order_id=f"b{i}", price=price) for i, price in enumerate(["free", '"2,50"', '"2,50"'])]
    bad = [*prices, order(order_id="b3", quantity=0)]
    path = write_orders(tmp_path / "orders.csv", good + bad)
    shop = make_warehouse(sources={"orders": orders_source(path)}, max_quarantine_share=0.1)
    assert refused(shop, "ingest.bronze", "ingest.silver") == (
        "source orders: 20.0% of its rows are bad, more than max_quarantine_share 10.0%; mostly: price is not a number,"
        " for example '2,50' (see quality.quarantine); write replace(price, ',', '.') in columns.price, or fix the"
        " delivery"
    )
    assert shop.read("silver.transactions").isEmpty()
    assert shop.rows("quality.quarantine", "reason", "field") == [
        ("price is not a number", "price"),
        ("price is not a number", "price"),
        ("price is not a number", "price"),
        ("quantity is zero", "quantity"),
    ]
