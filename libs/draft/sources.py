"""Guesses what kind of source a file is and how its columns map onto the contract."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

from libs.draft.column import Column, literal
from libs.draft.names import SENSITIVE, candidates, named, squashed, words
from libs.draft.numbers import number_of
from libs.draft.sample import Sample
from libs.draft.times import Time, clock_sql, parts_sql, time_of
from libs.tables import CONTRACT

# Words of event logs -> the contract's kinds of interaction; purchases become order lines.
_BOUGHT = frozenset(words("purchase purchased buy bought order ordered transaction checkout sale 购买 下单 支付"))
_ACTS = {
    "view": words("view pv pageview detail productview viewitem itemview product_view browse impression 浏览"),
    "click": words("click clk 点击"),
    "cart": words("cart addtocart addcart basket addtobasket 加购 加入购物车"),
    "save": words("fav favorite favourite save wishlist addtowishlist like bookmark 收藏"),
    "play": words("play listen watch stream 播放"),
}
_ACT_OF = {word: act for act, words in _ACTS.items() for word in words}
_PLAYED = re.compile(r"play|listen|artist|track|song|scrobbl|game|watch|stream|music", re.I)
_LEVELS = (" > ", ">", "|", " / ", "/", " » ", "::", ";", ", ", ".")
_MOST_NAMED = 12


@dataclass(frozen=True)
class Entry:
    """An expression and why it was chosen."""

    sql: str
    why: str = ""


@dataclass
class Source:
    """A source as drafted; `kind` is None for a file that is none, and `why` says so.

    Attributes:
        used: the column behind a mapped one.
        known: ids of the products of the other files' events.
        borrowed: a second source over a file of another kind; its other columns are not about products.
    """

    name: str
    sample: Sample
    kind: str | None = None
    why: str = ""
    columns: dict[str, Entry] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    where: Entry | None = None
    join: Entry | None = None
    directed: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    sensitive: dict[str, str] = field(default_factory=dict)
    unmapped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    used: dict[str, Column] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    borrowed: bool = False


class Roles:
    """The columns of a sample by the part that they may play; each is given out once."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.columns = [column for column in sample.columns if column.texts]
        self.taken: set[tuple[str, ...]] = set()

    def find(self, role: str) -> Column | None:
        """The best free column for a role, by name and by values."""
        for column in candidates(self.columns, role):
            if column.path not in self.taken and fits(column, role):
                return column
        if role == "time":  # whatever it is called: dates are like nothing else, numbers may be anything
            return next((column for column in self.free() if not column.numbers and fits(column, role)), None)
        return None

    def take(self, role: str) -> Column | None:
        column = self.find(role)
        if column is not None:
            self.taken.add(column.path)
        return column

    def free(self) -> list[Column]:
        return [column for column in self.columns if column.path not in self.taken]


def fits(column: Column, role: str) -> bool:
    """Whether the values of a column can play a role."""
    if role == "category":
        return column.type == "list" or (column.scalar and column.length < 200 and not _float(column))
    if not column.scalar:
        return False
    if role == "order" and squashed(column.name) == "name":  # Shopify's name of an order
        return column.matching(r"#[A-Za-z0-9-]+") > 0.9
    if role in ("user", "product", "order", "line", "friend", "ticket", "id"):
        return column.type not in ("date", "timestamp", "bool") and not _float(column) and column.length <= 64 and not (
            role in ("user", "friend") and column.spaced > 0.5 and column.length > 30)  # fmt: skip
    if role == "time":
        return time_of(column) is not None and not (named(column, "order") or named(column, "user"))
    number = number_of(column)
    if role in ("quantity", "stock"):
        return bool(column.numbers) and column.whole
    if role in ("price", "total", "cost", "value"):
        return number is not None and number.readable >= 0.6 and column.type != "bool"
    if role == "rating":
        return rating(column) is not None
    if role == "event":
        return 0 < len(column.distinct) <= 50 and any(_act(word) for word in column.distinct)
    if role in ("body", "question"):
        return column.type == "text" and column.spaced > 0.3 and column.length > 8
    if role in ("title", "headline", "query"):
        return column.type == "text" and len(column.distinct) > 1 and column.length <= 200 and not column.numbers
    if role == "description":
        return column.type == "text" and column.spaced > 0.3
    if role == "image":
        return column.matching(r"(https?:)?//.*|.*\.(jpe?g|png|webp|gif)") > 0.5
    if role == "fraud":
        return column.distinct <= {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}
    if role in ("year", "month", "dayofmonth", "hour"):
        return column.whole
    if role in ("language", "country", "brand", "intent"):
        return column.type == "text" and column.length < 100 and (role != "brand" or not column.numbers)
    return True


def _float(column: Column) -> bool:
    return bool(column.numbers) and not column.whole


def _act(word: str) -> str | None:
    plain = squashed(word)
    return "purchase" if plain in _BOUGHT else _ACT_OF.get(plain)


def guess(sample: Sample, name: str, products: frozenset[str] = frozenset()) -> list[Source]:
    """The sources of one file: none, one, or two if sales also tell what the products are called.

    Args:
        products: ids of products in the other files' events: the column of a catalogue that holds them is its id.
    """
    roles = Roles(sample)
    kind, why = kind_of(roles)
    name = name or (kind or "file")  # the name of the file holds no letter of a to z
    source = Source(name, sample, kind, why, notes=list(sample.notes))
    if kind is None:
        source.unmapped = [column.name for column in sample.columns]
        return [source]
    sources = [source]
    if kind == "interactions" and (bought := _bought(roles)):
        sources = _split(roles, name, source, bought)
    else:
        source.known = products
        _MAPPERS[kind](roles, source)
    if kind in ("transactions", "interactions", "reviews", "queries") and "product_id" in source.columns:
        described = _described(roles, sources[-1])
        sources += [described] if described else []
    for drafted in sources:
        _finish(roles, drafted)
    return sources


def kind_of(roles: Roles) -> tuple[str | None, str]:
    """(kind, why), or (None, what the file is not)."""
    user, product, order = roles.find("user"), roles.find("product"), roles.find("order")
    time, stars, body = roles.find("time"), roles.find("rating"), roles.find("body")
    money, pieces = roles.find("price") or roles.find("total"), roles.find("quantity")
    if user is not None and product is not None and user.path == product.path:
        product = None
    if product is None and stars and body:
        product = _other_id(roles, user)
    if user and roles.find("friend"):
        return "social_edges", f"{user.name} and {_name(roles.find('friend'))} are two users"
    if (query := roles.find("query")) and (user or product or time):
        return "queries", f"{query.name} is what was searched for"
    catalogue = product is not None and not user and not order and (product.unique or not (time and pieces))
    described = [column for role in ("title", "category", "brand", "description") if (column := roles.find(role))]
    if catalogue and product is not None and product.unique and (described or (money and not time)):
        return "products", f"{product.name} is another on each row, and there are no users"
    if (
        stars
        and not (order and (money or pieces))
        and ((user and product) or body)
        and not (roles.find("event") and user)
    ):
        return "reviews", f"{stars.name} is a rating" + (f", {body.name} a text" if body else "")
    if user and product and (event := roles.find("event")):
        return "interactions", f"{event.name} says what was done"
    if product and (order or (user and (money or (pieces and not _once(user, product))))):
        return "transactions", "products with " + " and ".join(
            part.name for part in (order, money or pieces, user) if part)  # fmt: skip
    if user and (product := product or _other_id(roles, user)):
        return "interactions", f"{user.name} and {product.name}, no order and no rating"
    if order and user and not product:
        return (
            None,
            f"orders ({order.name}) without their products: join them to the order lines, a source reads one file",
        )
    if user and (user.unique or roles.find("country") or any(squashed(c.name) in SENSITIVE for c in roles.columns)):
        return "users", f"{user.name}, and what is known of a user"
    if product and (stock := roles.find("stock")) and not time and not described and not money:
        return "stock", f"{stock.name} pieces of {product.name}"
    if product and time and money and not product.unique and not described:
        return "prices", f"{money.name} of {product.name} from a time on"
    if (product or roles.find("id")) and (described or money) and not (order and time):
        key = product or roles.find("id")
        if key and (key.unique or described) and not (key is roles.find("id") and not roles.find("title")):
            return "products", f"{key.name} with {', '.join(column.name for column in described[:3]) or 'a price'}"
    if (question := roles.find("question")) and roles.find("intent"):
        return "tickets", f"{question.name} is a question, {_name(roles.find('intent'))} its label"
    if (label := roles.find("fraud")) and named(label, "fraud"):
        return "risk_labels", f"{label.name} is 0 or 1"
    return None, "no column tells a user with a product, nor a product with a title, nor two users"


def _name(column: Column | None) -> str:
    return column.name if column else ""


def _once(user: Column, product: Column) -> bool:
    """Whether each pair of user and product comes once: a table of totals."""
    pairs = Counter(zip(user.values, product.values, strict=True))
    return len(pairs) > 0.99 * len(user.values)


def _other_id(roles: Roles, user: Column | None) -> Column | None:
    """A column called ...id that is nobody else's."""
    for column in roles.free():
        called_id = re.search(r"(?i)id$", column.path[-1]) and not (user and column.path == user.path)
        if called_id and fits(column, "product") and not named(column, "order") and not named(column, "line"):
            return column
    return None


# ---- one function a kind ----


def _transactions(roles: Roles, source: Source) -> None:
    _ids(roles, source, "user", "product")
    order, time = roles.take("order"), _time(roles, source)
    if order is not None:
        source.columns["order_id"] = identity(order)
        source.used["order_id"] = order
    elif "user_id" in source.columns and time is not None:
        user, day = source.columns["user_id"].sql, time.sql
        day = day if time.whole_days else f"cast({day} as date)"
        source.columns["order_id"] = Entry(f"concat_ws('-', {user}, {day})", "no order ids: a user's day is one order")
    else:
        _lacks(roles, source, "order_id", "an order id")
    if line := roles.take("line"):
        source.columns["line_id"] = identity(line)
    pieces = roles.take("quantity")
    if pieces is not None:
        number = number_of(pieces)
        returns = sum(n < 0 for n in pieces.numbers)
        why = f"{returns / len(pieces.values):.1%} are negative: returns" if returns else "pieces"
        source.columns["quantity"] = Entry(number.sql if number else pieces.sql, why)
        source.used["quantity"] = pieces
    else:
        source.columns["quantity"] = Entry("1", "no quantity: one piece a row")
    _price(roles, source, pieces)
    if cost := roles.take("cost"):
        source.columns["cost"] = _money(cost, "what it cost the shop: check that it is for one piece")
    if "user_id" in source.used and (guests := 1 - source.used["user_id"].filled) > 0:
        source.notes.append(f"{guests:.0%} of the rows have no {source.used['user_id'].name}: guests")


def _price(roles: Roles, source: Source, pieces: Column | None) -> None:
    price = roles.take("price")
    total = None if price is not None else roles.take("total")
    column = price or total
    number = number_of(column) if column is not None else None
    if column is None or number is None:
        source.columns["price"] = Entry("0", "no prices in this file: 0 for each piece")
        return
    is_total = total is not None or (pieces is not None and _grows(source.used.get("product_id"), pieces, column))
    if is_total and pieces is not None:
        sql = f"round(abs({number.sql} / {source.columns['quantity'].sql}), 4)"
        source.columns["price"] = Entry(sql, f"{column.name} is for all pieces of the row: divided by them")
    else:
        source.columns["price"] = Entry(number.sql, number.why or "of one piece")
    if number.readable < 0.99:
        source.notes.append(f"{1 - number.readable:.0%} of {column.name} are no numbers")


def _grows(product: Column | None, pieces: Column, price: Column) -> bool:
    """Whether rows with more pieces of a product cost as many times more: the price is the row's total."""
    if product is None or not price.numbers or len(price.numbers) != len(pieces.numbers) != len(product.values):
        return False
    rows = list(zip(product.values, pieces.numbers, price.numbers, strict=False))
    single: dict[object, list[float]] = defaultdict(list)
    for key, count, amount in rows:
        if count == 1 and amount > 0:
            single[key].append(amount)
    middle = {key: median(amounts) for key, amounts in single.items()}
    ratios = [amount / middle[key] / count for key, count, amount in rows if count >= 2 and key in middle]
    return len(ratios) >= 20 and 0.7 < median(ratios) < 1.3


def _reviews(roles: Roles, source: Source) -> None:
    stars = roles.take("rating")
    _ids(roles, source, "user", "product")
    _time(roles, source)
    if stars is not None and (entry := rating(stars)):
        source.columns["rating"] = entry
        if "unrated" in entry.why:
            source.where = Entry(f"cast({stars.sql} as double) > 0", "0 stands for “not rated”")
    else:
        _lacks(roles, source, "rating", "a rating")
    if body := roles.take("body"):
        source.columns["body"] = Entry(body.sql, "texts")
        if headline := roles.take("headline"):
            source.columns["title"] = Entry(headline.sql, "the headline")
    if (language := roles.take("language")) is not None:
        source.columns["language"] = Entry(language.sql)
    _only_known_users(source)


def _interactions(roles: Roles, source: Source) -> None:
    event = roles.take("event")
    _ids(roles, source, "user", "product")
    time, value = _time(roles, source, required=False), roles.take("value")
    pair = [source.used.get(column) for column in ("user_id", "product_id")]
    if time is None:
        if pair[0] and pair[1] and _once(pair[0], pair[1]):
            day = datetime.fromtimestamp(source.sample.path.stat().st_mtime, UTC).date()
            source.columns["event_time"] = Entry(
                f"timestamp'{day}'",
                "CHECK: the file has no time, each user and product stand once: totals. This is the file's own day, so"
                " all events fall on it: nothing can be learnt of order or tested; write the day of the export",
            )
        else:
            _lacks(
                roles, source, "event_time", "a time", "for a table of totals write a constant, timestamp'2024-01-31'"
            )
    if event is not None:
        words = {word: _act(word) for word in sorted(event.distinct)}
        source.columns["kind"] = Entry(_acts_sql(event, words), "the words of the contract")
    else:
        text = " ".join([source.name, *(column.name for column in roles.columns)])
        act = "play" if _PLAYED.search(text) else "view"
        source.columns["kind"] = Entry(f"'{act}'", "no column says what was done: by the names of file and columns")
    if value is not None and (number := number_of(value)):
        source.columns["value"] = Entry(number.sql, number.why or "how often or how long")
    _only_known_users(source)


def _acts_sql(event: Column, words: dict[str, str | None]) -> str:
    changed = {word: act for word, act in words.items() if act and act != word and act != "purchase"}
    if not changed:
        return event.sql
    cases = " ".join(f"when {literal(word)} then '{act}'" for word, act in changed.items())
    return f"case {event.sql} {cases} else {event.sql} end"


def _bought(roles: Roles) -> list[str]:
    """The words of an event column that mean a purchase."""
    event = roles.find("event")
    return sorted(word for word in event.distinct if _act(word) == "purchase") if event else []


def _split(roles: Roles, name: str, source: Source, bought: list[str]) -> list[Source]:
    """An event log with purchases: what was bought is order lines, the rest interactions."""
    event = roles.find("event")
    assert event is not None
    listed = ", ".join(map(literal, bought))
    orders = Source(f"{name}_orders", source.sample, "transactions", f"{event.name} is {listed}", notes=source.notes)
    _interactions(roles, source)
    rest = Roles(source.sample)
    rest.taken = {event.path, *(c.path for key, c in source.used.items() if key == "event_time")}
    orders_roles = Roles(source.sample)
    orders_roles.taken = {event.path}
    _transactions(orders_roles, orders)
    roles.taken |= orders_roles.taken
    orders.where = Entry(f"{event.sql} in ({listed})", "the purchases")
    source.where = Entry(f"{event.sql} not in ({listed})", f"purchases are in {orders.name}")
    source.notes = []
    return [source, orders]


def _products(roles: Roles, source: Source) -> None:
    known = source.known
    key = roles.find("product") or roles.find("id")
    if known:
        shares = [(len(c.distinct & known) / len(c.distinct), -n, c) for n, c in enumerate(roles.columns)
                  if fits(c, "product") and len(c.distinct) > 0.5 * len(c.values)]  # fmt: skip
        best = max(shares, key=lambda entry: entry[:2], default=None)
        if best and best[0] > 0.2 and best[2] is not key:
            key = best[2]
            source.notes.append(f"{key.name} holds the ids of the other files' products ({best[0]:.0%} of them)")
    if key is not None:
        roles.taken.add(key.path)
        source.columns["product_id"] = identity(key, product=True)
        source.used["product_id"] = key
    _describe(roles, source)
    if price := roles.take("price"):
        source.columns["price"] = _money(price, "")
    if image := roles.take("image"):
        source.columns["image_url"] = Entry(image.sql)


def _describe(roles: Roles, source: Source) -> None:
    if title := roles.take("title"):
        source.columns["title"] = Entry(title.sql)
    if description := roles.take("description"):
        source.columns["description"] = Entry(description.sql)
    if category := roles.take("category"):
        source.columns["category"] = path_of(category, source)
    if brand := roles.take("brand"):
        source.columns["brand"] = Entry(brand.sql)


def _described(roles: Roles, events: Source) -> Source | None:
    """A second source over the same file: what sales or reviews tell of the products themselves."""
    taken = set(roles.taken)
    titles = Source(
        f"{events.name}_products", events.sample, "products", f"the {events.kind} also describe the products"
    )
    titles.columns["product_id"] = events.columns["product_id"]
    titles.used["product_id"] = events.used["product_id"]
    titles.borrowed = True
    time = events.columns.get("event_time")
    if time is not None and "CHECK" not in time.why:
        sql = time.sql if time.sql.startswith("to_date(") else f"cast({time.sql} as date)"
        titles.columns["known_at"] = Entry(sql, "as they were called on that day")
    first = len(titles.columns)
    if events.kind == "reviews":  # its title is a headline
        if category := roles.take("category"):
            titles.columns["category"] = path_of(category, titles)
        if (title := roles.take("title")) and named(title, "title"):
            titles.columns["title"] = Entry(title.sql)
    else:
        _describe(roles, titles)
    if len(titles.columns) == first:
        roles.taken = taken
        return None
    if events.kind == "transactions" and min(events.used["quantity"].numbers if "quantity" in events.used else [1]) < 0:
        titles.where = Entry(f"{events.columns['quantity'].sql} > 0", "rows of returns are often named otherwise")
    return titles


def _users(roles: Roles, source: Source) -> None:
    _ids(roles, source, "user")
    for role in ("language", "country"):
        if column := roles.take(role):
            source.columns[role] = Entry(column.sql)


def _social_edges(roles: Roles, source: Source) -> None:
    friend = roles.take("friend")
    _ids(roles, source, "user")
    if friend is not None:
        source.columns["friend_id"] = identity(friend)
    if weight := roles.take("value"):
        source.columns["weight"] = Entry(weight.sql)
    words = " ".join([source.name, *(column.name for column in roles.columns)])
    source.directed = re.search(r"trust|follow", words, re.I) is not None


def _stock(roles: Roles, source: Source) -> None:
    _ids(roles, source, "product")
    if stock := roles.take("stock"):
        source.columns["quantity"] = Entry(stock.sql)


def _prices(roles: Roles, source: Source) -> None:
    _ids(roles, source, "product")
    _time(roles, source)
    if price := roles.take("price") or roles.take("total"):
        source.columns["price"] = _money(price, "")


def _queries(roles: Roles, source: Source) -> None:
    query = roles.take("query")
    if query is not None:
        source.columns["query"] = Entry(query.sql)
    product = roles.take("product")
    if product is not None:
        source.columns["clicked_product_id"] = identity(product, product=True)
        source.columns["product_id"] = source.columns["clicked_product_id"]  # for `_described`; dropped by `_finish`
        source.used["product_id"] = product
    if user := roles.take("user"):
        source.columns["user_id"] = identity(user)
    _time(roles, source)


def _tickets(roles: Roles, source: Source) -> None:
    if body := roles.take("question"):
        source.columns["body"] = Entry(body.sql)
    if intent := roles.take("intent"):
        source.columns["intent"] = Entry(intent.sql)
    if ticket := roles.take("ticket"):
        source.columns["ticket_id"] = identity(ticket)
    else:
        _lacks(roles, source, "ticket_id", "a ticket id")
    _time(roles, source)


def _risk_labels(roles: Roles, source: Source) -> None:
    label = roles.take("fraud")
    if label is not None:
        source.columns["label"] = Entry(f"cast({label.sql} as int)")
    if order := roles.take("order"):
        source.columns["order_id"] = identity(order)
    else:
        _lacks(roles, source, "order_id", "an order id")
    _time(roles, source)


_MAPPERS = {
    "transactions": _transactions,
    "reviews": _reviews,
    "interactions": _interactions,
    "products": _products,
    "users": _users,
    "social_edges": _social_edges,
    "stock": _stock,
    "prices": _prices,
    "queries": _queries,
    "tickets": _tickets,
    "risk_labels": _risk_labels,
}


# ---- one function a kind of value ----


def identity(column: Column, product: bool = False) -> Entry:
    """An id as text: 17850.0 is 17850, and a product spelled in two cases is one."""
    sql, why = column.sql, ""
    if not column.exact and column.matching(r"\d+[.]0") > 0.9:
        sql, why = f"regexp_replace({sql}, '[.]0$', '')", "delivered as 17850.0"
    if product and len({text.casefold() for text in column.distinct}) < len(column.distinct):
        sql, why = f"upper({sql})", "the same id comes in capitals and small letters"
    return Entry(sql, why)


def rating(column: Column) -> Entry | None:
    """Stars from 1 to 5; None if the values are no rating."""
    sql = column.sql
    if column.type == "bool" or (
        column.distinct and {t.lower() for t in column.distinct} <= {"true", "false", "yes", "no"}
    ):
        good = f"lower(cast({sql} as string)) in ('true', 'yes')"
        return Entry(f"if({good}, 5, 1)", "yes is 5 stars, no is 1")
    number = number_of(column) if column.numbers else None
    if number is None:
        if column.matching(r"([1-5](\.\d)?) ?(out of|von|/|sur|de) ?5.*") > 0.9:
            return Entry(f"regexp_extract({sql}, '^[0-9.]+', 0)", f"for example {column.texts[0]}"[:60])
        return None
    low, high, steps = min(number.values), max(number.values), len(column.distinct)
    value = f"cast({sql} as double)"
    if low < 0 or high > 100 or high < 1 or steps > 101 or steps < 2:
        return None
    if high == 1:
        return Entry(f"if({value} = 1, 5, 1)", "1 is 5 stars, 0 is 1") if steps == 2 else None
    if high <= 5:
        if low >= 1:
            return Entry(sql, f"from {low:g} to {high:g}")
        if column.whole:
            return Entry(sql, "from 0 to 5, 0 is unrated: see where")
        return Entry(f"greatest({value}, 1)", f"from {low:g} to {high:g}: what is below 1 becomes 1")
    if high <= 10:
        if low < 1 and not sum(n == 0 for n in number.values) > 0.2 * len(number.values):
            return Entry(f"1 + 0.4 * {value}", f"from {low:g} to {high:g}")
        return Entry(f"1 + ({value} - 1) * 4 / 9", f"from 1 to 10{', 0 is unrated: see where' if low < 1 else ''}")
    return Entry(f"1 + 0.04 * {value}", f"from {low:g} to {high:g}, of 100")


def path_of(column: Column, source: Source) -> Entry:
    """A category path with levels parted by ' > '."""
    sql = column.sql
    if column.type == "list":
        first: list[Any] = next((value for value in column.values if value), [])
        if first and isinstance(first[0], list):
            return Entry(f"array_join({sql}[0], ' > ')", "an array of paths: the first one")
        if first and isinstance(first[0], dict):
            field_ = next(
                (key for key in first[0] if squashed(key) in ("name", "title", "label")), next(iter(first[0]))
            )
            return Entry(f"array_join({sql}.{field_}, ' > ')", f"an array of objects: their {field_}")
        source.join = Entry(" > ", "between the elements of an array")
        return Entry(sql, "an array: see join")
    if column.matching(r"""\[(['"].*['"])?\]""") > 0.8:
        return Entry(f"""replace(translate({sql}, '[]"\\'', ''), ', ', ' > ')""", "an array as text")
    for sign in _LEVELS:
        parts = [text.split(sign) for text in column.texts if sign in text]
        if len(parts) < 0.3 * len(column.texts) or (sign == "." and column.spaced > 0.2):
            continue
        if sign == " > ":
            break
        if sign == ", " and (
            len(parts) < 0.5 * len(column.texts) or max(len(level) for levels in parts for level in levels) > 40
        ):
            continue
        if sign == ", " or (sign == "|" and sum(levels == sorted(levels) for levels in parts) > 0.9 * len(parts)):
            source.attributes[plain_name(column.name)] = sql
            return Entry(f"split({sql}, '[{sign[0]}]')[0]", "a set, no path: its first")
        return Entry(f"replace({sql}, {literal(sign)}, ' > ')", f"levels are parted by {sign.strip()}")
    return Entry(sql)


def _money(column: Column, why: str) -> Entry:
    number = number_of(column)
    return Entry(number.sql if number else column.sql, (number.why if number else "") or why)


def _ids(roles: Roles, source: Source, *which: str) -> None:
    for role in which:
        column = roles.take(role)
        if column is None and role == "product":
            column = _other_id(roles, source.used.get("user_id"))
            if column is not None:
                roles.taken.add(column.path)
        target = f"{role}_id"
        if column is not None:
            source.columns[target] = identity(column, product=role == "product")
            source.used[target] = column
        elif target in CONTRACT[source.kind or "users"].required:
            _lacks(roles, source, target, f"a {role}")
        else:
            source.notes.append(f"no column tells the {role}: all rows are guests'")


def _time(roles: Roles, source: Source, required: bool = True) -> Time | None:
    """Maps `event_time`; None if there is no time."""
    column = roles.find("time")
    time = time_of(column) if column is not None else None
    day = roles.find("dayofmonth")
    year, month = roles.find("year"), roles.find("month")
    if (
        year
        and month
        and (parts := parts_sql(year, month, day, roles.find("hour")))
        and not (time and column and column.unique)
    ):
        time = parts
        roles.taken |= {c.path for c in (year, month, day, roles.find("hour")) if c}
    elif column is not None and time is not None:
        roles.taken.add(column.path)
        if time.whole_days:
            for clock in candidates(roles.free(), "clock"):
                if both := clock_sql(column, clock):
                    roles.taken.add(clock.path)
                    time = both
                    break
    elif day is not None and day.numbers and 31 < max(day.numbers) < 20_000:
        roles.taken.add(day.path)
        time = Time(f"timestampadd(DAY, cast({day.sql} as int), timestamp'2020-01-01')",
                    "CHECK: the file counts days from a first one that it does not name; write that one")  # fmt: skip
    if time is not None:
        source.columns["event_time"] = Entry(time.sql, time.why)
        if column is not None:
            source.used["event_time"] = column
    elif required:
        way = (
            "" if source.kind == "transactions" else "or, if no file has one, a constant such as timestamp'2024-01-31'"
        )
        _lacks(roles, source, "event_time", "a time", way)
    return time


def _lacks(roles: Roles, source: Source, target: str, noun: str, way: str = "") -> None:
    free = [column for column in roles.free() if column.scalar]
    if target == "event_time":
        likely = [c for c in free if time_of(c)] or [c for c in free if re.search(r"date|time|day|year", c.name, re.I)]
    else:
        many = 0.01 * len(free[0].values) if free else 0
        likely = [c for c in free if fits(c, "product") and c.length < 40 and c.spaced < 0.5 and len(c.distinct) > many]
    listed = ", ".join(column.name for column in likely[:_MOST_NAMED])
    hint = f"choose one of {listed}" if listed else f"no column of the file looks like {noun}"
    source.missing[target] = f"could not guess {target}: {hint}{f'; {way}' if way else ''}"


def _only_known_users(source: Source) -> None:
    """Reviews and interactions need a user: rows of guests are left out."""
    user = source.used.get("user_id")
    if user is not None and user.filled < 0.995 and source.where is None:
        source.where = Entry(f"{user.sql} is not null", f"{1 - user.filled:.0%} of the rows have no user")


def plain_name(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip(), flags=re.ASCII).strip("_").lower() or "value"


def _finish(roles: Roles, source: Source) -> None:
    """Names what is not mapped, and what of it may be an attribute or is of a person."""
    kind = CONTRACT[source.kind or "users"]
    source.columns = {column: source.columns[column] for column in kind.types if column in source.columns}
    for column in kind.required:
        if column not in source.columns and column not in source.missing:
            _lacks(roles, source, column, f"a {column}")
    for rest in roles.free():
        name = squashed(rest.path[-1])
        if name in SENSITIVE and "sensitive" in kind.types:
            source.sensitive[plain_name(rest.name)] = rest.sql
        elif "attributes" in kind.types and not source.borrowed and _describes(rest):
            source.attributes[plain_name(rest.name)] = rest.sql
    listed = {*source.attributes.values(), *source.sensitive.values()}
    source.unmapped = [c.name for c in source.sample.columns if c.path not in roles.taken and c.sql not in listed]


def _describes(column: Column) -> bool:
    few = 2 <= len(column.distinct) <= max(20, 0.3 * len(column.texts))
    return column.scalar and few and column.length < 40 and not _float(column) and column.filled > 0.05
