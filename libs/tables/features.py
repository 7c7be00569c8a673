"""Snapshots of products and users as of a cut-off."""

from __future__ import annotations

from libs.tables.table import CUTOFF, SHOP, define

DAILY = f"""{SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day on which it became known
        event_day | date! | business day on which it happened"""
_BY_PERIOD = ("shop", "period")

FEATURES = (
    define(
        "features.product_days",
        "What happened to a product on a day, as it became known on a day: added up, it feeds profiles and sources.",
        f"""{DAILY}
        product_id | string! | the product
        events | bigint! | purchases, reviews and other events; no returns
        buyers | bigint! | users who took it, and guests' baskets with it
        guests | bigint! | guests' baskets among them
        ratings | bigint! | reviews with stars
        stars | decimal(18,3) | their sum; null without any
        price | decimal(18,4) | the most frequent price of a piece sold, of equally frequent ones the lowest""",
        "shop day event_day product_id",
        "window",
        schema_version=2,
        partitioned_by=_BY_PERIOD,
    ),
    define(
        "features.basket_days",
        "The products of a basket, as they became known on a day; a user's step where the shop has no baskets.",
        f"""{DAILY}
        basket | bigint! | hash of the basket's id
        user_id | string | pseudonym; null for guests
        products | array<string>! | distinct products taken, sorted""",
        "shop day event_day basket user_id",
        "window",
        partitioned_by=_BY_PERIOD,
    ),
    define(
        "features.review_aspects",
        "The aspects that a review mentions, read once; a review that mentions none has no row.",
        f"""{DAILY}
        product_id | string! | the product
        user_id | string | pseudonym of who wrote it
        row_id | string! | the review's row
        rating | double | its stars
        aspects | array<string>! | aspects mentioned, sorted""",
        "shop day row_id",
        "window",
        partitioned_by=_BY_PERIOD,
    ),
    define(
        "features.product_text",
        "A product's cleaned words as of a cut-off.",
        f"""{CUTOFF}
        product_id | string! | the product
        title | string! | cleaned, as it may be shown; the product id where the shop has no title
        description | string | cleaned
        brand | string | cleaned
        category | string | path, levels parted by ' > '
        categories | array<string>! | every level's path, the top one first
        price | decimal(18,4) | last known price
        attributes | map<string,string> | what else the catalogue says
        language | string | language of title and description
        text | string! | what is embedded: title, brand, category, the description's beginning
        text_hash | string! | hash of `text`""",
        "shop cutoff product_id",
        "cutoffs",
        schema_version=2,
    ),
    define(
        "features.text_vectors",
        "The vector of a text under an encoder; written once a text, never again while the text does not change.",
        f"""{SHOP}
        model_id | string! | the encoder and its weights' checksum
        text_hash | string! | the text
        vector | array<float>! | unit length""",
        "shop model_id text_hash",
        "merge",
        equality="close",
    ),
    define(
        "features.product_profile",
        "All that is known of a product as of a cut-off.",
        f"""{CUTOFF}
        product_id | string! | the product
        title | string! | as it may be shown
        description | string | cleaned
        brand | string | its brand
        category | string | its category path
        categories | array<string>! | every level's path, the top one first
        attributes | map<string,string> | what else the catalogue says
        price | decimal(18,4) | last known price
        price_before | decimal(18,4) | price known 28 days earlier
        price_band | string | low, middle or high: thirds of the prices in its top category
        buyers | bigint! | users who own it (user_history), and guests' baskets with it
        buyers_recent | bigint! | in the last `recent_days`
        recent_days | int! | length of that period
        ratings | bigint! | reviews with stars
        rating_mean | double | their mean
        rating_shrunk | double | mean drawn towards the shop's by Bayesian shrinkage
        aspects | array<struct<aspect:string,praising:bigint,mentioning:bigint,review_ids:array<string>>>! | aspects its reviews mention, and how many of those give 4 stars or more
        text_hash | string! | key of its vector
        vector | array<float> | of its text
        first_day | date | first event
        last_day | date | last event""",
        "shop cutoff product_id",
        "cutoffs",
        equality="close",
        schema_version=2,
    ),
    define(
        "features.item_pairs",
        "Two products that users took one after the other (transition: anchor, then product) or in one step (together).",
        f"""{CUTOFF}
        kind | string! | transition or together
        anchor | string! | the product the user has
        product_id | string! | the product that came next, or with it
        weight | double! | the source's weight of the pair, before history decay
        support | bigint! | distinct users (together: baskets) behind it, this direction only
        people | bigint! | distinct known users behind it, this direction only: what a sentence may say
        lift | double | support against what the two products' frequencies would give""",
        "shop cutoff kind anchor product_id",
        "cutoffs",
        equality="close",
    ),
    define(
        "features.user_ledger",
        "What a user took and saw before a cut-off, bounded; the next night's is made from it and the day's delivery.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        ledger | array<struct<event_time:timestamp,event_day:date,product_id:string,kind:string,lines:bigint,pieces:bigint,amount:decimal(18,4),rating:double,returned:bigint>>! | the newest 1,000 lines of what was taken and 200 of the rest, newest first; what was given back is in it, with the pieces returned
        earlier_totals | struct<lines:bigint,money:decimal(18,4),days:array<date>,products:array<string>>! | what was taken before those, as it was bought
        made_from | string! | version of silver.events, and what is kept""",
        "shop cutoff user_id",
        "cutoffs",
        volatile=("made_from",),
        schema_version=2,
        retention_days=14,  # the next nights are made from it; who looks back looks into user_history
    ),
    define(
        "features.user_history",
        "A user's last events before a cut-off, oldest first; events with one timestamp are one step.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        events | array<struct<step:int,event_day:date,product_id:string,kind:string,quantity:int,amount:decimal(18,4),rating:double>>! | last 200 purchases, reviews and other events; inside a step ordered by a hash of the product; returned pieces taken off
        owned | array<string>! | products ever taken (and not given back), sorted""",
        "shop cutoff user_id",
        "cutoffs",
    ),
    define(
        "features.user_rfm",
        "A user's behaviour: recency, frequency, money, rhythm, rating habits.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        recency_days | int! | days from the last event to the cut-off
        frequency | bigint! | distinct days with an event
        events | bigint! | lines of purchase or review
        products | bigint! | distinct products
        money | decimal(18,4) | spent, returns taken off; null where the shop has no prices of sale
        usual_price | decimal(18,4) | median price of the last 1,000 things taken
        tenure_days | int! | days from the first event to the cut-off
        rhythm_days | double | median gap between days with an event; null under 2 days
        return_rate | double | returned pieces by bought pieces, of the last 1,000 things taken
        ratings | bigint! | reviews with stars among them
        rating_mean | double | their mean
        rating_deviation | double | their mean less the mean of the products rated""",
        "shop cutoff user_id",
        "cutoffs",
        equality="close",
    ),
    define(
        "features.user_taste",
        "How much of a user's taking, decayed by age, went to a brand, a category or a price band.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        dimension | string! | brand, category, price_band
        value | string! | which
        share | double! | of the user's decayed weight in the dimension
        count | bigint! | distinct products taken
        total | bigint! | distinct products taken whose value in this dimension is known""",
        "shop cutoff user_id dimension value",
        "cutoffs",
        equality="close",
    ),
    define(
        "features.user_segment",
        "The segment of a user.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        segment | int! | number of the cluster, by falling size
        segment_name | string! | readable, from what marks the cluster""",
        "shop cutoff user_id",
        "cutoffs",
    ),
    define(
        "features.user_profile",
        "All that is known of a user as of a cut-off.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        recency_days | int! | days from the last event to the cut-off
        frequency | bigint! | distinct days with an event
        events | bigint! | purchases or reviews
        products | bigint! | distinct products
        money | decimal(18,4) | spent, returns taken off
        usual_price | decimal(18,4) | median price of what the user took
        tenure_days | int! | days from the first event to the cut-off
        rhythm_days | double | median gap between days with an event
        return_rate | double | returned pieces by bought pieces
        ratings | bigint! | reviews with stars
        rating_mean | double | their mean
        rating_deviation | double | their mean less the mean of the products rated
        tastes | map<string,array<struct<value:string,share:double,count:bigint,total:bigint>>>! | by dimension, greatest share first
        segment | int | number of the segment
        segment_name | string | its readable name
        language | string | the language the user reads, where the shop knows it
        vector | array<float>! | the numbers above, scaled to 0..1, as models read them""",
        "shop cutoff user_id",
        "cutoffs",
        equality="close",
    ),
)
