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
        buyers | bigint! | users who acquired it by the shop's own kind of action, and guests' baskets with it
        ratings | bigint! | reviews with stars
        stars | decimal(18,3) | their sum; null without any
        price | decimal(18,4) | the most frequent price of a piece sold, of equally frequent ones the lowest""",
        "shop day event_day product_id",
        "window",
        schema_version=3,
        partitioned_by=_BY_PERIOD,
    ),
    define(
        "features.basket_days",
        "The products of a basket, as they became known on a day; a user's step where the shop has no baskets.",
        f"""{DAILY}
        basket | bigint! | hash of the basket's id
        user_id | string | pseudonym; null for guests
        products | array<string>! | distinct products acquired, sorted""",
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
        title_key | string! | letters and digits of the title, case folded: products that share it are variants
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
        schema_version=3,
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
        title_key | string! | letters and digits of the title, case folded: products that share it are variants
        description | string | cleaned
        brand | string | its brand
        category | string | its category path
        categories | array<string>! | every level's path, the top one first
        attributes | map<string,string> | what else the catalogue says
        price | decimal(18,4) | last known price
        lowest_price_30d | decimal(18,4) | lowest price that held in the 30 days before the cut-off, before the present one came; null where the price has not changed in them
        price_band | string | low, middle or high: thirds of the prices in its top category
        buyers | bigint! | users who own it (user_history): they acquired and kept it and do not dislike it; no guests
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
        schema_version=3,
    ),
    define(
        "features.item_pairs",
        "Two products that users acquired one after the other (transition: anchor, then product) or in one step (together), and neither dislike nor gave back.",
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
        ledger | array<struct<event_time:timestamp,event_day:date,product_id:string,kind:string,lines:bigint,pieces:bigint,amount:decimal(18,4),rating:double,returned:bigint>>! | the newest 1,000 lines of what was acquired, bought or reviewed and 200 of the rest, newest first; what was given back is in it, with the pieces returned
        earlier_totals | struct<lines:bigint,money:decimal(18,4),days:array<date>,products:array<string>,disliked:array<string>>! | what was acquired before those, as it was bought, and the products of reviews among them that dislike
        made_from | string! | version of silver.events, and what is kept""",
        "shop cutoff user_id",
        "cutoffs",
        volatile=("made_from",),
        schema_version=3,
        retention_days=14,  # the next nights are made from it; who looks back looks into user_history
    ),
    define(
        "features.user_history",
        "A user's last events before a cut-off, oldest first; events with one timestamp are one step.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        events | array<struct<step:int,event_day:date,product_id:string,kind:string,quantity:int,amount:decimal(18,4),rating:double,sign:int>>! | last 200 purchases, reviews and other events; inside a step ordered by a hash of the product; returned pieces taken off. sign: 1 an act that likes the product, -1 one that stars or a return speak against, 0 neither (a view)
        owned | array<string>! | products ever acquired by the shop's own kind of action, neither given back nor disliked, sorted
        disliked | array<string>! | products never to be listed nor cited for the user, sorted: the latest review dislikes it, whatever was bought since, or every purchase of it was wholly given back, whatever a review says""",
        "shop cutoff user_id",
        "cutoffs",
        schema_version=2,
    ),
    define(
        "features.user_rfm",
        "A user's behaviour: recency, frequency, money, rhythm, rating habits.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        recency_days | int! | days from the last purchase, review or act of the shop's own kind to the cut-off
        frequency | bigint! | distinct days on which the user acquired something by the shop's own kind of action
        events | bigint! | lines acquired
        products | bigint! | distinct products acquired
        money | decimal(18,4) | spent, returns taken off; null where the shop has no prices of sale
        usual_price | decimal(18,4) | median price of the purchases among the last 1,000 acts; null without purchases
        tenure_days | int! | days from the first of them to the cut-off
        rhythm_days | double | median gap between days with a purchase; null under 2 days
        return_rate | double | returned pieces by bought pieces, of the last 1,000 acts
        ratings | bigint! | reviews with stars among them
        rating_mean | double | their mean
        rating_deviation | double | their mean less the mean of the products rated""",
        "shop cutoff user_id",
        "cutoffs",
        equality="close",
    ),
    define(
        "features.user_taste",
        "How much of what a user acquired and does not dislike, decayed by age, went to a brand, a category or a price band.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        dimension | string! | brand, category, price_band
        value | string! | which
        share | double! | of the user's decayed weight in the dimension
        count | bigint! | distinct products acquired and not disliked
        total | bigint! | the same of those whose value in this dimension is known""",
        "shop cutoff user_id dimension value",
        "cutoffs",
        equality="close",
    ),
    define(
        "features.user_segment",
        "The segment of a user; one who acquired nothing has none.",
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
        recency_days | int! | days from the last purchase, review or act of the shop's own kind to the cut-off
        frequency | bigint! | distinct days on which the user acquired something
        events | bigint! | lines acquired
        products | bigint! | distinct products acquired
        money | decimal(18,4) | spent, returns taken off
        usual_price | decimal(18,4) | median price of the user's purchases
        tenure_days | int! | days from the first of them to the cut-off
        rhythm_days | double | median gap between days with a purchase
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
