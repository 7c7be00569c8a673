"""The contract a shop's sources are mapped onto: one entry a kind of source, the same for every shop.

Bronze holds these columns as delivered (strings), with ids cleaned and null words left out; silver holds them typed. A
shop need not have a kind, nor a column that is not required.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from libs.tables.table import Table, columns


@dataclass(frozen=True)
class Kind:
    """One kind of source.

    Attributes:
        types: column -> Spark SQL type in silver.
        required: columns that must be mapped and filled; a row without one is quarantined.
        keys: a second row with the same values is a duplicate.
        users: columns that hold a user's id; pseudonymised at silver.
        text: columns made valid, cleaned text at silver.
        snapshot: rows describe a state (a catalogue, a stock list), not an event; without a time they are timeless.
        schema_version: of the bronze and the silver table.
        checks: a row check by name -> SQL condition over the typed columns that a good row meets (or is null).
    """

    about: str
    types: dict[str, str]
    comments: dict[str, str]
    required: tuple[str, ...]
    keys: tuple[str, ...]
    users: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    snapshot: bool = False
    schema_version: int = 1
    checks: dict[str, str] = field(default_factory=dict)


def _kind(about: str, spec: str, **options: object) -> Kind:
    found = columns(spec)
    return Kind(
        about,
        {c.name: c.type for c in found},
        {c.name: c.comment for c in found},
        tuple(c.name for c in found if not c.nullable),
        **options,  # type: ignore[arg-type]
    )


_TIME = "event_time | timestamp! | when it happened\nknown_at | timestamp | when the shop knew it; without it, event_time or the delivery's day"
_STATE_TIME = "known_at | timestamp | when the state was known; without it the delivery's day, or timeless"

FOR_LATER = "for later: no job reads it yet"

CONTRACT: dict[str, Kind] = {
    "transactions": _kind(
        "a line of an order; a negative quantity is a return",
        f"""order_id | string! | the order or basket
        line_id | string | the line in the order, where the shop numbers them
        user_id | string | the customer; empty for guests
        product_id | string! | the product
        {_TIME}
        quantity | int! | pieces; negative for a return
        price | decimal(18,4)! | price of one piece in the shop's currency
        cost | decimal(18,4) | what one piece cost the shop
        sensitive | map<string,string> | attributes for fairness figures only""",
        keys=("order_id", "line_id", "product_id", "user_id", "event_time", "quantity", "price"),
        users=("user_id",),
        checks={
            "quantity is zero": "quantity <> 0",
            "price is negative": "price >= 0",
            "price is absurd": "price < 10000000",
            "quantity is absurd": "abs(quantity) < 1000000",
        },
    ),
    "reviews": _kind(
        "a review of a product by a user",
        f"""user_id | string! | who wrote it
        product_id | string! | the product
        {_TIME}
        rating | double! | stars, 1 to 5
        title | string | the review's headline
        body | string | the review
        language | string | its language, where the shop knows it""",
        keys=("user_id", "product_id", "event_time"),
        users=("user_id",),
        text=("title", "body"),
        checks={"rating is not 1 to 5": "rating between 1 and 5"},
    ),
    "interactions": _kind(
        "anything a user did with a product that is neither an order line nor a review: a view, a play, a click",
        f"""user_id | string! | who
        product_id | string! | the product
        {_TIME}
        kind | string! | view, click, cart, play, save, ...
        value | double | how often or how long""",
        keys=("user_id", "product_id", "event_time", "kind"),
        users=("user_id",),
    ),
    "products": _kind(
        "a product as the catalogue describes it",
        f"""product_id | string! | the product
        {_STATE_TIME}
        title | string | its name
        description | string | its description
        brand | string | its brand
        category | string | its category path, levels parted by ' > '
        price | decimal(18,4) | its price in the shop's currency
        image_url | string | a picture
        attributes | map<string,string> | what else the catalogue says""",
        keys=("product_id", "known_at"),
        text=("title", "description", "brand", "category"),
        snapshot=True,
        checks={"price is negative": "price >= 0", "price is absurd": "price < 10000000"},
    ),
    "users": _kind(
        "what the shop knows of a user",
        f"""user_id | string! | the user
        {_STATE_TIME}
        language | string | the language the user reads
        country | string | the user's country
        sensitive | map<string,string> | attributes for fairness figures only""",
        keys=("user_id", "known_at"),
        users=("user_id",),
        snapshot=True,
    ),
    "social_edges": _kind(
        "two users who know each other, or one who trusts or follows the other",
        f"""user_id | string! | one
        friend_id | string! | the other
        {_STATE_TIME}
        weight | double | how close
        directed | boolean | it points from user_id to friend_id alone (trust, following) and is no friendship; null is no""",
        keys=("user_id", "friend_id", "known_at"),
        users=("user_id", "friend_id"),
        snapshot=True,
        schema_version=2,
    ),
    "stock": _kind(
        "how many pieces of a product are there",
        f"""product_id | string! | the product
        {_STATE_TIME}
        quantity | int! | pieces at hand""",
        keys=("product_id", "known_at"),
        snapshot=True,
    ),
    "prices": _kind(
        f"a price of a product from a day on; {FOR_LATER}",
        f"""product_id | string! | the product
        {_TIME}
        price | decimal(18,4)! | price of one piece in the shop's currency""",
        keys=("product_id", "event_time"),
        checks={"price is negative": "price >= 0"},
    ),
    "queries": _kind(
        f"what a user searched for; {FOR_LATER}",
        f"""user_id | string | who; empty for guests
        query | string! | the words
        {_TIME}
        clicked_product_id | string | the product chosen""",
        keys=("user_id", "query", "event_time"),
        users=("user_id",),
        text=("query",),
    ),
    "tickets": _kind(
        f"a question to customer service; {FOR_LATER}",
        f"""ticket_id | string! | the ticket
        user_id | string | who asked
        product_id | string | about what
        {_TIME}
        body | string! | the question
        intent | string | its label, where the shop has one""",
        keys=("ticket_id", "event_time"),
        users=("user_id",),
        text=("body",),
    ),
    "exposures": _kind(
        f"a product that was shown to a user; {FOR_LATER}",
        f"""user_id | string! | to whom
        product_id | string! | the product
        {_TIME}
        surface | string | where
        position | int | at which place, from 1
        release_id | string | by which release""",
        keys=("user_id", "product_id", "event_time", "surface"),
        users=("user_id",),
    ),
    "feedback": _kind(
        f"what a user said of a recommendation or its reason; {FOR_LATER}",
        f"""user_id | string! | who
        product_id | string! | the product
        {_TIME}
        verdict | string! | helpful, not_helpful, hide, ...""",
        keys=("user_id", "product_id", "event_time"),
        users=("user_id",),
    ),
    "documents": _kind(
        f"a text customer service may quote; {FOR_LATER}",
        f"""document_id | string! | the document
        {_STATE_TIME}
        title | string | its title
        body | string! | its text
        product_id | string | about what""",
        keys=("document_id", "known_at"),
        text=("title", "body"),
        snapshot=True,
    ),
    "risk_labels": _kind(
        f"an order that proved to be fraud or not; {FOR_LATER}",
        f"""order_id | string! | the order
        {_TIME}
        label | int! | 1 is fraud""",
        keys=("order_id", "event_time"),
    ),
}

_BRONZE_META = """shop | string! | the shop
period | string! | month or year of `day`, the partition
day | date! | business day of the delivery: the file's {date}, else the day the row was known; 1970-01-01 is timeless
source | string! | the source's name in the shop's mapping
row_id | string! | hash of the source, the row as delivered and, for equal rows, its number among them
excluded | string | why the row is not merchandise, by the mapping's `exclude`; null for the rest
broken | string | the row as delivered where it cannot be read at all (a broken JSON line, a CSV line with too few fields); null for the rest"""

_SILVER_META = """shop | string! | the shop
period | string! | month or year of `day`, the partition
day | date! | business day on which the row became known
event_day | date! | business day of the event itself (for a state: of `day`)
row_id | string! | the bronze row
key_id | string | which key pseudonymised the user ids; null where there are none"""


def _bronze(name: str, kind: Kind) -> Table:
    own = "\n".join(
        f"{column} | {kind.types[column] if kind.types[column].startswith('map') else 'string'} | {kind.comments[column]}"
        for column in kind.types
    )
    about = f"As delivered: {kind.about}."
    return Table(f"bronze.{name}", about, columns(f"{_BRONZE_META}\n{own}"), ("shop", "source", "day", "row_id"),
                 "window", ("shop", "period"), schema_version=kind.schema_version)  # fmt: skip


def _silver(name: str, kind: Kind) -> Table:
    own = "\n".join(
        f"{column} | {kind.types[column]}{'!' if column in kind.required else ''} | {kind.comments[column]}"
        for column in kind.types
    )
    about = f"Typed, deduplicated, good rows only: {kind.about}."
    return Table(f"silver.{name}", about, columns(f"{_SILVER_META}\n{own}"), ("shop", "day", "row_id"),
                 "window", ("shop", "period"), schema_version=kind.schema_version)  # fmt: skip


BRONZE = tuple(_bronze(name, kind) for name, kind in CONTRACT.items())
SILVER = tuple(_silver(name, kind) for name, kind in CONTRACT.items())
