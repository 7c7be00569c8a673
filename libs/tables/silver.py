"""What users did, in one stream."""

from __future__ import annotations

from libs.tables.table import SHOP, define

EVENTS = define(
    "silver.events",
    "One thing a user did with a product, whatever source told it: purchase, return, review, view, ...",
    f"""{SHOP}
    period | string! | month or year of `day`, the partition
    day | date! | business day on which it became known
    event_day | date! | business day on which it happened
    event_time | timestamp! | when it happened
    known_at | timestamp! | when the shop knew it
    user_id | string | pseudonym; null for guests
    product_id | string! | the product
    kind | string! | purchase, return, review, or the kind of an interaction
    basket_id | string | order of a purchase or a return
    quantity | int | pieces, always positive
    amount | decimal(18,4) | quantity times price in the shop's currency
    rating | double | stars of a review
    purchase_time | timestamp | of a return: when the piece was bought, where a purchase could be paired
    row_id | string! | the silver row it came from""",
    "shop day row_id kind",
    "window",
    partitioned_by=("shop", "period"),
)
