"""What users did, in one stream."""

from __future__ import annotations

from libs.tables.table import SHOP, define

EVENTS = define(
    "silver.events",
    "An action of a user on a product, from any source: purchase, return, review, view, ...",
    f"""{SHOP}
    period | string! | month or year of `day`, the partition
    day | date! | business day on which it became known
    event_day | date! | business day on which it happened
    event_time | timestamp! | when it happened
    known_at | timestamp! | when the shop learned of it
    user_id | string | pseudonym; null for guests
    product_id | string! | the product
    kind | string! | purchase, return, review, or the kind of an interaction
    basket_id | string | order of a purchase or a return
    quantity | int | pieces, always positive
    amount | decimal(18,4) | quantity times price in the shop's currency
    rating | double | stars of a review
    purchase_time | timestamp | of a return: when the piece was bought, if a purchase could be matched
    row_id | string! | the silver row that it comes from""",
    "shop day row_id kind",
    "window",
    partitioned_by=("shop", "period"),
)

SUPPRESSED = define(
    "silver.suppressed_users",
    "An erased user: their rows are not stored if they are delivered again, and are counted as excluded.",
    f"""{SHOP}
    user_key | string! | HMAC-SHA256 of the shop's id with REASONREC_SUPPRESSION_KEY; no pseudonym of another table
    key_id | string! | id of that key
    erased_on | date! | end of the window of the run that erased the user""",
    "shop user_key",
    "merge",
)
