"""Drafts of files as shops and data sets export them: small imitations with their real headers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import yaml

from libs.conf.shop import ShopConf
from libs.draft.column import Column
from libs.draft.numbers import number_of
from libs.draft.sample import UnreadableFileError, encoding_of, read_sample
from libs.draft.shop import draft
from libs.draft.times import time_of

# Rows of 60 users and 90 products: each function of n gives one row's cells.
ROWS = 300


def user(n: int) -> int:
    return 1000 + n * 7 % 60


def product(n: int) -> int:
    return 500 + n * 13 % 90


def write(path: Path, header: str, row, sign: str = ",", rows: int = ROWS, encoding: str = "utf-8") -> Path:
    lines = [header] if header else []
    lines += [sign.join(map(str, row(n))) for n in range(rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def day(n: int) -> str:
    return f"2018-09-{n % 28 + 1:02}"


# name -> (file, header, row, delimiter, {source: {column: expression}})
EXPORTS = {
    "shopify orders": (
        "orders.csv",
        "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku",
        lambda n: (f"#{1001 + n // 2}", f"c{user(n)}@x.com", "paid", "EUR", 25, f"{day(n)} 10:11:12 -0500", n % 3 + 1,
                   f"Soap bar {product(n)}", "10.00", f"SKU{product(n)}"),
        ",",
        {"orders": {"order_id": "Name", "user_id": "Email", "product_id": "`Lineitem sku`", "price": "`Lineitem price`",
                    "event_time": "`Created at`", "quantity": "`Lineitem quantity`"},
         "orders_products": {"title": "`Lineitem name`", "known_at": "cast(`Created at` as date)"}},
    ),
    "woocommerce": (
        "orders.csv",
        "order_id,order_date,status,customer_id,item_sku,item_name,item_quantity,item_total",
        lambda n: (n // 2, f"{day(n)} 10:11:12", "done", user(n), f"S{product(n)}", f"Nice mug {product(n)}", n % 3 + 1, (n % 3 + 1) * 10.0),
        ",",
        {"orders": {"user_id": "customer_id", "price": "round(abs(item_total / item_quantity), 4)"}},
    ),
    "magento": (
        "sales.csv",
        "increment_id,created_at,customer_email,sku,name,qty_ordered,price",
        lambda n: (n // 2, f"{day(n)} 10:11:12", f"a{user(n)}@x", f"S{product(n)}", f"Nice mug {product(n)}", f"{n % 3 + 1}.0000", "10.5000"),
        ",",
        {"sales": {"order_id": "increment_id", "user_id": "customer_email", "quantity": "qty_ordered"}},
    ),
    "retailrocket": (
        "events.csv",
        "timestamp,visitorid,event,itemid,transactionid",
        lambda n: (1433221332117 + n * 1000, user(n), ("view", "addtocart", "transaction")[n % 3], product(n), n if n % 3 == 2 else ""),
        ",",
        {"events": {"event_time": "timestamp_millis(cast(timestamp as bigint))", "kind": "case event when 'addtocart' then 'cart' else event end"},
         "events_orders": {"order_id": "transactionid", "quantity": "1"}},
    ),
    "h&m": (
        "transactions_train.csv",
        "t_dat,customer_id,article_id,price,sales_channel_id",
        lambda n: (day(n), f"{user(n):064x}", f"0{663713000 + product(n)}", 0.0508, n % 2 + 1),
        ",",
        {"transactions_train": {"order_id": "concat_ws('-', customer_id, t_dat)", "product_id": "article_id", "quantity": "1"}},
    ),
    "movielens csv": (
        "ratings.csv",
        "userId,movieId,rating,timestamp",
        lambda n: (user(n), product(n), (0.5, 3, 4, 5)[n % 4], 964982703 + n),
        ",",
        {"ratings": {"rating": "greatest(cast(rating as double), 1)", "event_time": "timestamp_seconds(cast(timestamp as bigint))"}},
    ),
    "movielens dat": (
        "ratings.dat",
        "",
        lambda n: (user(n), product(n), n % 5 + 1, 978300760 + n),
        "::",
        {"ratings": {"user_id": "user_id", "product_id": "product_id", "rating": "rating"}},
    ),
    "taobao": (
        "UserBehavior.csv",
        "",
        lambda n: (user(n), product(n), n % 7 + 100, ("pv", "buy", "cart", "fav")[n % 4], 1511544070 + n),
        ",",
        {"userbehavior": {"kind": "case event when 'fav' then 'save' when 'pv' then 'view' else event end"},
         "userbehavior_orders": {"event_time": "timestamp_seconds(cast(event_time as bigint))"}},
    ),
    "olist": (
        "order_items.csv",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
        lambda n: (f"{n // 2:032x}", n % 2 + 1, f"{product(n):032x}", f"{n % 9:032x}", f"{day(n)} 09:45:35", 58.9, 13.29),
        ",",
        {"order_items": {"order_id": "order_id", "line_id": "order_item_id", "event_time": "shipping_limit_date"}},
    ),
    "dunnhumby": (
        "transaction_data.csv",
        "household_key,BASKET_ID,DAY,PRODUCT_ID,QUANTITY,SALES_VALUE,STORE_ID,TRANS_TIME,WEEK_NO",
        lambda n: (user(n), 26984851472 + n // 3, n + 1, product(n), n % 3 + 1, (n % 3 + 1) * 1.39, 364, 1631, n // 7),
        ",",
        {"transaction_data": {"user_id": "household_key", "event_time": "timestampadd(DAY, cast(DAY as int), timestamp'2020-01-01')",
                              "price": "round(abs(SALES_VALUE / QUANTITY), 4)"}},
    ),
    "superstore": (
        "Superstore.csv",
        "Row ID,Order ID,Order Date,Customer ID,Customer Name,Postal Code,Product ID,Category,Product Name,Sales,Quantity",
        lambda n: (n, f"CA-{n // 2}", f"{n % 12 + 1}/{n % 28 + 1}/2016", f"CG-{user(n)}", f"Claire Gute{user(n)}", 42420,
                   f"FUR-{product(n)}", "Furniture", f"Bush Somerset {product(n)}", 261.96, n % 4 + 1),
        ",",
        {"superstore": {"event_time": "to_date(`Order Date`, 'M/d/yyyy')", "user_id": "`Customer ID`"},
         "superstore_products": {"title": "`Product Name`", "category": "Category"}},
    ),
    "german": (
        "bestellungen.csv",
        "Bestellnr;Kunden-Nr;Artikel-Nr;Bezeichnung;Bestelldatum;Menge;Einzelpreis",
        lambda n: (n // 2, user(n) if n % 4 else "", f"A{product(n)}", f"Tasse schön {product(n)}", f"{n % 28 + 1:02}.03.2021 12:30", n % 3 + 1, f"1.{n:03},50 €"),
        ";",
        {"bestellungen": {"event_time": "to_timestamp(Bestelldatum, 'd.M.yyyy H:m')",
                          "price": r"replace(regexp_replace(Einzelpreis, '[^0-9,\\-]', ''), ',', '.')"},
         "bestellungen_products": {"title": "Bezeichnung"}},
    ),
    "chinese": (
        "订单.csv",
        "订单编号,用户ID,商品编号,商品名称,类目,下单时间,数量,单价",
        lambda n: (n // 2, user(n), product(n), f"纯棉毛巾{product(n)}", "家居>毛巾", f"2021年3月{n % 28 + 1}日 12:30", n % 3 + 1, "￥12.50"),
        ",",
        {"transactions": {"user_id": "`用户ID`", "event_time": "to_timestamp(`下单时间`, 'yyyy年M月d日 H:m')"},
         "transactions_products": {"title": "`商品名称`", "category": "replace(`类目`, '>', ' > ')"}},
    ),
    "float ids": (
        "sales.csv",
        "invoice,customer_id,sku,ordered,time,qty,unit_price",
        lambda n: (n // 2, f"{user(n)}.0", f"s{product(n)}", day(n), "12:30:00", 1, 9.5),
        ",",
        {"sales": {"user_id": "regexp_replace(customer_id, '[.]0$', '')", "event_time": "concat_ws(' ', ordered, time)"}},
    ),
    "trust": ("trust.csv", "user_id,trusted_user_id", lambda n: (user(n), user(n + 3)), ",", {"trust": {"friend_id": "trusted_user_id"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_recognised_by_its_header_and_values(tmp_path: Path, name: str) -> None:
    file, header, row, sign, expected = EXPORTS[name]
    made = draft([write(tmp_path / file, header, row, sign)], tmp_path, "corner")
    shop = yaml.safe_load(made.text)
    for source, columns in expected.items():
        got = shop["sources"][source]["columns"]
        assert {column: got.get(column) for column in columns} == columns
    assert shop["sources"][next(iter(expected))].get("delimiter", ",") == sign
    if name != "trust":  # friends alone are no shop
        ShopConf.model_validate({**shop, "name": "corner"})
        assert made.events and not made.lacks
    assert ("has no header" in made.text) == (not header)
    names = shop["sources"][next(iter(expected))].get("header", [])
    assert len(names) == (0 if header else len(row(0)))


def json_lines(path: Path, record, rows: int = ROWS) -> Path:
    path.write_text("".join(json.dumps(record(n)) + "\n" for n in range(rows)))
    return path


def test_reviews_in_json_and_their_catalogue_are_one_shop(tmp_path: Path) -> None:
    """Goodreads: 0 is no rating, a weekday that Spark cannot parse, an id column that the events choose."""
    json_lines(tmp_path / "reviews.json", lambda n: {
        "user_id": f"{user(n):032x}", "book_id": str(product(n)), "rating": n % 6, "review_text": "Mind blowingly cool",
        "date_added": "Fri Aug 25 13:55:02 -0700 2017"})  # fmt: skip
    json_lines(tmp_path / "books.json", lambda n: {
        "isbn": f"03128{n:05}", "book_id": str(500 + n), "title": f"A Life {n}", "authors": [{"author_id": "6"}],
        "genres": ["Fiction", "Crime"]}, rows=90)  # fmt: skip
    shop = yaml.safe_load(draft([tmp_path], tmp_path, "corner").text)
    reviews, books = shop["sources"]["reviews"], shop["sources"]["books"]
    assert reviews["where"] == "cast(rating as double) > 0"
    assert reviews["columns"]["event_time"] == "to_timestamp(substring(date_added, 5), 'MMM dd HH:mm:ss Z yyyy')"
    assert books["columns"] == {"product_id": "book_id", "title": "title", "category": "genres"}
    assert books["join"] == " > "
    assert (shop["action"], shop["languages"], shop["text_language"]) == ("review", ["en"], "en")
    ShopConf.model_validate({**shop, "name": "corner"})


def test_steam_recommendations_become_stars_and_its_sentence_a_date(tmp_path: Path) -> None:
    json_lines(tmp_path / "steam.json", lambda n: {
        "user_id": f"u{user(n)}", "item_id": product(n), "recommend": bool(n % 3), "review": "Simple yet great to play",
        "posted": "Posted November 5, 2011."})  # fmt: skip
    columns = yaml.safe_load(draft([tmp_path], tmp_path, "corner").text)["sources"]["steam"]["columns"]
    assert columns["rating"] == "if(lower(cast(recommend as string)) in ('true', 'yes'), 5, 1)"
    assert columns["event_time"].startswith("to_date(regexp_extract(posted, ")


def test_orders_without_products_are_no_source_and_the_lines_say_what_to_join(tmp_path: Path) -> None:
    """Instacart: users are in one file, products in another."""
    write(tmp_path / "orders.csv", "order_id,user_id,order_dow", lambda n: (n, user(n), n % 7))
    write(
        tmp_path / "order_products.csv", "order_id,product_id,add_to_cart_order", lambda n: (n // 3, product(n), n % 3)
    )
    made = draft([tmp_path], tmp_path, "corner")
    assert list(yaml.safe_load(made.text)["sources"]) == ["order_products"]
    text = made.text.replace("\n  # ", " ")
    assert "orders.csv has the same order_id: users and times of the orders may be there" in text
    assert "could not guess event_time" in text
    assert any("event_time" in told for told in made.lacks)


def test_listening_counts_get_a_constant_time_that_asks_to_be_checked(tmp_path: Path) -> None:
    write(tmp_path / "user_artists.dat", "userID\tartistID\tweight", lambda n: (n // 10, n, 9 + n), "\t")
    made = draft([tmp_path], tmp_path, "corner")
    source = yaml.safe_load(made.text)["sources"]["user_artists"]
    assert source["columns"]["event_time"].startswith("timestamp'")
    assert (source["columns"]["kind"], source["columns"]["value"]) == ("'play'", "weight")
    assert "# CHECK: the file has no time" in made.text


def test_files_of_days_are_one_daily_source_and_parts_of_an_export_a_pattern(tmp_path: Path) -> None:
    row = lambda n: (n // 2, user(n), product(n), f"{day(n)} 10:00", 1, 9.5)  # noqa: E731
    for n in (1, 2, 3):
        write(tmp_path / f"orders_2024-01-0{n}.csv", "order_id,user_id,product_id,time,qty,price", row)
        write(
            tmp_path / f"views-part-0000{n}.csv",
            "user_id,item_id,event,time",
            lambda n: (user(n), product(n), "view", day(n)),
        )
    sources = yaml.safe_load(draft([tmp_path], tmp_path, "corner").text)["sources"]
    assert sorted(source["path"] for source in sources.values()) == ["orders_{date}.csv", "views-part-*.csv"]


def test_the_bytes_of_a_file_tell_encoding_and_quotes(tmp_path: Path) -> None:
    head, row = (
        "user_id;sku;time;qty;price;title",
        lambda n: (user(n), product(n), day(n), 1, "9,50", "Café crème à la carte"),
    )
    for encoding, told in (("cp1252", "cp1252"), ("utf-16", "utf-16"), ("utf-8-sig", None)):
        path = write(tmp_path / f"{encoding}.csv", head, row, ";", encoding=encoding)
        sample = read_sample(path)
        assert sample.settings.get("encoding", (None,))[0] == told
        assert [column.name for column in sample.columns] == head.split(";")
        assert sample.columns[-1].texts[0] == "Café crème à la carte"
    assert encoding_of("用户,商品\n毛巾,很好，下次再买\n".encode("gb18030") * 20) == "gb18030"
    path = tmp_path / "sep.csv.gz"
    path.write_bytes(gzip.compress(b"sep=|\nuser_id|sku|note\n" + b'1|a|"say ""hi"" | all"\n' * 50))
    sample = read_sample(path)
    assert sample.settings["delimiter"][0] == "|"
    assert sample.columns[2].texts[0] == 'say "hi" | all'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"user,item\n", "has a header and no rows"),
        (b"PK\x03\x04abc", "Excel workbook"),
        (b"{'asin': 'B1', 'answer': \"it's\"}\n" * 3, "Python literals, not JSON"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_the_fix(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=told):
        draft([tmp_path / "x.csv"], tmp_path, "corner")


def test_a_name_that_ends_a_comment_or_a_line_cannot_write_yaml(tmp_path: Path) -> None:
    evil = "evil\n  columns: {}\x1b[31m # x"
    json_lines(tmp_path / "a.json", lambda n: {
        "user_id": user(n), "sku": product(n), "time": day(n), "qty": 1, "price": 9.5, evil: n})  # fmt: skip
    text = draft([tmp_path], tmp_path, "corner").text
    assert "\x1b" not in text
    ShopConf.model_validate({**yaml.safe_load(text), "name": "corner"})


def text(*values: str, name: str = "c") -> Column:
    return Column((name,), "text", values)


@pytest.mark.parametrize(
    ("values", "sql"),
    [
        (("2021-03-04", "2021-03-05 10:00:00", "2021-03-05T10:00:00+02:00", "2021-03-05 10:00:00 UTC"), "c"),
        (("03/04/2021", "13/04/2021"), "to_date(c, 'd/M/yyyy')"),
        (("03/14/21 1:30 PM", "03/15/21 11:30 AM"), "to_timestamp(c, 'M/d/yy h:m a')"),
        (("31.12.2020", "01.02.2021 10:30"), "to_timestamp(c, 'd.M.yyyy[ H:m]')"),
        (("2021/3/4 1:05:06", "2021/3/4 1:05:07"), "to_timestamp(c, 'yyyy/M/d H:m:s')"),
        (("20210304", "20211231"), "to_date(c, 'yyyyMMdd')"),
        (("1614816000", "1614902400"), "timestamp_seconds(cast(c as bigint))"),
        (("1614816000.5", "1614902400.0"), "timestamp_seconds(cast(cast(c as double) as bigint))"),
        (("1614816000000000",), "timestamp_micros(cast(c as bigint))"),
        (("Jun 27, 2014", "Apr 2, 2014"), "to_date(c, 'MMM d, yyyy')"),
        (("09 13, 2009", "12 1, 2010"), "to_date(c, 'MM d, yyyy')"),
        (("44256.5", "44257.25"), "timestamp_seconds(round((cast(c as double) - 25569) * 86400))"),
        (("2011", "2012"), None),
        (("12:30", "13:45"), None),
        (("red", "blue"), None),
    ],
)
def test_forms_of_time(values: tuple[str, ...], sql: str | None) -> None:
    time = time_of(text(*values))
    assert (time.sql if time else None) == sql


@pytest.mark.parametrize(
    ("values", "sql", "first"),
    [
        (("9.50", "-3"), "c", 9.5),
        (("9,50", "1.234,00"), "replace(replace(c, '.', ''), ',', '.')", 9.5),
        (("1,234.56", "7.00"), "replace(c, ',', '')", 1234.56),
        (("1,234", "5,678.10"), "replace(c, ',', '')", 1234),
        (("£3.20", "£1,000.00"), r"regexp_replace(c, '[^0-9.\\-]', '')", 3.2),
        (("12,50 €", "3 €"), r"replace(regexp_replace(c, '[^0-9,\\-]', ''), ',', '.')", 12.5),
        (("Free", "Demo", "Mod"), None, None),
    ],
)
def test_forms_of_number(values: tuple[str, ...], sql: str | None, first: float | None) -> None:
    number = number_of(text(*values))
    assert (number.sql if number else None) == sql
    assert (number.values[0] if number else None) == first
