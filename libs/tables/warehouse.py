"""Every table that is not a plain copy of a source kind: events, features, training, candidates, results, quality."""

from __future__ import annotations

from libs.tables.table import Column, Scope, Table, columns

_SHOP = "shop | string! | the shop"
_CUTOFF = f"{_SHOP}\ncutoff | date! | only what was known before this business day is in the row"

# How a model's or a list's score rests on the user's own history: share = the fraction of the source's relative score
# that is lost when the item is taken out of the history.
_CARRIERS = "array<struct<product_id:string,share:double>>"


def _table(name: str, about: str, text: str, keys: str, scope: Scope, **options: object) -> Table:
    return Table(name, about, columns(text), tuple(keys.split()), scope, **options)  # type: ignore[arg-type]


EVENTS = _table(
    "silver.events",
    "One thing a user did with a product, whatever source told it: purchase, return, review, view, ...",
    f"""{_SHOP}
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

FEATURES = (
    _table(
        "features.product_text",
        "A product's cleaned words as of a cut-off.",
        f"""{_CUTOFF}
        product_id | string! | the product
        title | string! | cleaned, as it may be shown; the product id where the shop has no title
        description | string | cleaned
        brand | string | cleaned
        category | string | path, levels parted by ' > '
        categories | array<string>! | every level's path, the top one first
        price | decimal(18,4) | last known price
        attributes | map<string,string> | what else the catalogue says
        language | string | language of title and description
        tokens | array<string>! | words of title and description
        text | string! | what is embedded: title, brand, category, the description's beginning
        text_hash | string! | hash of `text`""",
        "shop cutoff product_id",
        "cutoffs",
    ),
    _table(
        "features.text_vectors",
        "The vector of a text under an encoder; written once a text, never again while the text does not change.",
        f"""{_SHOP}
        model_id | string! | the encoder and its weights' checksum
        text_hash | string! | the text
        vector | array<float>! | unit length""",
        "shop model_id text_hash",
        "merge",
        equality="close",
    ),
    _table(
        "features.product_profile",
        "All that is known of a product as of a cut-off.",
        f"""{_CUTOFF}
        product_id | string! | the product
        title | string! | as it may be shown
        description | string | cleaned
        brand | string | its brand
        category | string | its category path
        categories | array<string>! | every level's path, the top one first
        tokens | array<string>! | words of title and description
        attributes | map<string,string> | what else the catalogue says
        price | decimal(18,4) | last known price
        price_before | decimal(18,4) | price known 28 days earlier
        price_band | string | low, middle or high: thirds of the prices in its top category
        buyers | bigint! | users who acted on it (purchase or review) so far
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
    ),
    _table(
        "features.item_pairs",
        "Two products that users took one after the other (transition: anchor, then product) or in one step (together).",
        f"""{_CUTOFF}
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
    _table(
        "features.user_history",
        "A user's last events before a cut-off, oldest first; events with one timestamp are one step.",
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        events | array<struct<step:int,event_day:date,product_id:string,kind:string,quantity:int,amount:decimal(18,4),rating:double>>! | last 200 purchases, reviews and other events; inside a step ordered by a hash of the product; returned pieces taken off
        owned | array<string>! | products ever taken (and not given back), sorted""",
        "shop cutoff user_id",
        "cutoffs",
    ),
    _table(
        "features.user_rfm",
        "A user's behaviour: recency, frequency, money, rhythm, rating habits.",
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        recency_days | int! | days from the last event to the cut-off
        frequency | bigint! | distinct days with an event
        events | bigint! | purchases or reviews
        products | bigint! | distinct products
        money | decimal(18,4) | spent, returns taken off; null where the shop has no prices of sale
        usual_price | decimal(18,4) | median price of what the user took
        tenure_days | int! | days from the first event to the cut-off
        rhythm_days | double | median gap between days with an event; null under 2 days
        return_rate | double | returned pieces by bought pieces
        ratings | bigint! | reviews with stars
        rating_mean | double | their mean
        rating_deviation | double | their mean less the mean of the products rated""",
        "shop cutoff user_id",
        "cutoffs",
        equality="close",
    ),
    _table(
        "features.user_taste",
        "How much of a user's taking, decayed by age, went to a brand, a category or a price band.",
        f"""{_CUTOFF}
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
    _table(
        "features.user_segment",
        "The segment of a user.",
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        segment | int! | number of the cluster, by falling size
        segment_name | string! | readable, from what marks the cluster""",
        "shop cutoff user_id",
        "cutoffs",
    ),
    _table(
        "features.user_profile",
        "All that is known of a user as of a cut-off.",
        f"""{_CUTOFF}
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

TRAINING = (
    _table(
        "training.vocabulary",
        "Dense integer ids of products for a model fitted at a cut-off: 1.. in product_id order, 0 is padding.",
        f"""{_CUTOFF}
        product_id | string! | the product
        id | int! | its number""",
        "shop cutoff product_id",
        "cutoffs",
    ),
    _table(
        "training.two_tower_examples",
        "A step of a user's history to learn from: what came before, and the product that came.",
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        step | int! | of the target
        history | array<int>! | the 20 ids before, oldest first, 0 pads at the front
        history_age | array<float>! | days between each and the target, 0 for padding
        profile | array<float>! | the user's numbers, as of the cut-off
        target | int! | id of the product that came
        weight | float! | of the example""",
        "shop cutoff user_id step target",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        equality="close",
    ),
    _table(
        "training.models",
        "A model of record: what it was fitted on, with what, and where its weights are.",
        f"""{_SHOP}
        model | string! | als, two_tower, fusion
        version | string! | model, training day and a hash of parameters, data and code
        purpose | string! | record, or backtest
        train_cutoff | date! | fitted on what was known before this business day
        parent | string | version it was continued from
        parameters | string! | JSON
        data_versions | map<string,bigint>! | Delta version of each table read
        code_version | string! | version of reasonrec
        weights_uri | string | folder of the weights, under the warehouse
        checksum | string | sha256 of the weights
        fitted | string! | JSON: small things fitted, such as fusion weights; figures of the fit""",
        "shop model version",
        "merge",
        equality="close",
        volatile=("data_versions", "weights_uri", "checksum"),
    ),
)

SOURCES = ("popular", "popular_in_category", "repeat", "bought_together", "transitions", "als", "two_tower")


def _candidates(source: str, about: str) -> Table:
    return _table(
        f"candidates.{source}",
        about,
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        rank | int! | place in this source's list of the user, from 1; ties by product_id
        score | double! | the source's own score
        relative | double! | score relative to the best of the user's list, in (0, 1]
        carriers | {_CARRIERS}! | history items that carry the score, greatest share first, 3 at most""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        equality="close",
    )


CANDIDATES = (
    _candidates("popular", "Products most users took lately: time-decayed counts, the same for all."),
    _candidates("popular_in_category", "Products most users took lately in the categories of the user's taste."),
    _candidates("repeat", "The user's own products, by how often and by what rhythm they came back."),
    _candidates("bought_together", "Products taken in one step with products of the user's history."),
    _candidates("transitions", "Products taken after products of the user's history, by directed steps."),
    _candidates("als", "Products near the user's factors: implicit matrix factorisation."),
    _candidates("two_tower", "Products near the user's vector: the two-tower network."),
    _table(
        "candidates.candidate_pool",
        "A candidate with the source and rank that brought it.",
        f"""{_CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        owned | boolean! | the user has taken it before
        sources | array<struct<source:string,rank:int,relative:double,carriers:{_CARRIERS}>>! | which sources brought it, sorted by source""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        equality="close",
    ),
)

_RELEASE = f"""{_SHOP}
release_id | string! | the attempt that wrote the row
surface | string! | where it is shown: home
context | string! | what the list is for on that surface: default"""

RESULTS = (
    _table(
        "results.recommendations",
        "A product recommended to a user, with its place.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        rank | int! | place, from 1
        product_id | string! | the product
        score | double! | fused score
        contributions | map<string,double>! | part of the score each source gave
        carriers | array<struct<source:string,product_id:string,contribution:double>>! | history items, and how far the fused score falls without each in that source
        as_of | date! | only what was known before this business day was used
        model_version | string | models behind the score
        propensity | double | chance of being shown, where a policy explores
        schema_version | int! | of this table""",
        "shop release_id surface context user_id product_id",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
    ),
    _table(
        "results.evidence",
        "A fact that may be cited, stored once.",
        f"""{_SHOP}
        release_id | string! | the attempt that wrote the row
        evidence_id | string! | hash of type, subject and slots
        subject | string! | product, user or pair
        user_id | string | the user it is about; null when about a product or two
        product_id | string | the product it is about; null when about a user
        type | string! | see docs/tables.md, "evidence types"
        slots | map<string,string>! | its values by name
        support | bigint! | people, baskets or reviews behind it
        source_table | string! | where it came from
        source_version | bigint! | Delta version of that table
        source_keys | map<string,string>! | key of the source row""",
        "shop release_id evidence_id",
        "release",
        partitioned_by=("shop", "release_id"),
        volatile=("release_id", "source_version"),
    ),
    _table(
        "results.recommendation_evidence",
        "A fact that holds for a recommended row, and how far the fused score falls without it.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        product_id | string! | the product
        evidence_id | string! | the fact
        role | string! | reason: the score falls without it; information: true, but it did not move the score
        contribution | double! | fall of the fused score when the fact's source or history item is taken away""",
        "shop release_id surface context user_id product_id evidence_id",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
    ),
    _table(
        "results.explanations",
        "One or two sentences that say why a product is recommended to a user, with the facts they cite.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        product_id | string! | the product
        language | string! | en, zh
        sentence | string! | checked against its evidence before it was stored
        evidence_ids | array<string>! | facts cited, in order
        generator | string! | who wrote it
        grounded | boolean! | every number, name and claim is in the cited facts
        grounding | string | what the check said; null when all is well
        contribution | double | fall of the fused score without the cited reasons
        faithfulness | double | that fall as a share of the fused score
        schema_version | int! | of this table""",
        "shop release_id surface context user_id product_id language",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
    ),
    _table(
        "results.releases",
        "An attempt that was published: this one row makes it visible.",
        f"""{_SHOP}
        release_id | string! | as_of and attempt
        as_of | date! | day the lists are for
        attempt | int! | of that day, from 1
        status | string! | published
        model_versions | map<string,string>! | by model
        table_versions | map<string,bigint>! | Delta version of each table it shows
        languages | array<string>! | of its sentences
        users | bigint! | users with a list
        recommendations | bigint! | rows
        stale | boolean! | a newer training failed and older models were used
        published_at | timestamp! | wall clock""",
        "shop release_id",
        "merge",
        volatile=("release_id", "attempt", "table_versions", "published_at"),
    ),
    _table(
        "results.pins",
        "An operator's choice of the current release; the row with the greatest seq counts, an empty release_id unpins.",
        f"""{_SHOP}
        seq | int! | counts up
        release_id | string | the release that is current whatever is published; null lifts the pin
        reason | string! | why
        pinned_at | timestamp! | wall clock""",
        "shop seq",
        "merge",
        volatile=("pinned_at",),
    ),
)

_JOB_RUN = f"""{_SHOP}
run_id | string! | one command
job | string! | its name
started_at | timestamp! | wall clock"""

QUALITY = (
    _table(
        "bronze.rejected",
        "The payload of a row that was quarantined, as delivered.",
        f"""{_SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery; 1970-01-01 where the row has no readable time
        source | string! | the source's name in the shop's mapping
        row_id | string! | hash of the row as delivered
        payload | string! | the row as delivered""",
        "shop day source row_id",
        "window",
        partitioned_by=("shop", "period"),
    ),
    _table(
        "quality.quarantine",
        "A row that could not be used, and why.",
        f"""{_SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery; 1970-01-01 where the row has no readable time
        source | string! | the source's name in the shop's mapping
        kind | string! | the contract it was mapped onto
        row_id | string! | its payload is in bronze.rejected under this id
        reason | string! | the first check it failed
        field | string | the column, where one is at fault""",
        "shop day source row_id",
        "window",
        partitioned_by=("shop", "period"),
    ),
    _table(
        "quality.ingest_counts",
        "What became of the rows of a source on a day: rows_in = silver + quarantined + duplicates + excluded.",
        f"""{_SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery
        source | string! | the source's name in the shop's mapping
        kind | string! | the contract it was mapped onto
        rows_in | bigint! | read
        silver | bigint! | kept
        quarantined | bigint! | unusable
        duplicates | bigint! | the same row again
        excluded | bigint! | not merchandise, by the mapping""",
        "shop day source",
        "window",
        partitioned_by=("shop", "period"),
    ),
    _table(
        "quality.gate_results",
        "What a gate found; a failed one stops the run before anything is published.",
        f"""{_SHOP}
        cutoff | date! | end of the run's window
        gate | string! | silver or results
        table | string! | the table looked at
        check | string! | the expectation or limit
        passed | boolean! | whether it holds
        observed | string | what was found
        expected | string | what was wanted
        severity | string! | stop, or warn""",
        "shop cutoff gate table check",
        "merge",
        # What a gate saw: it looks at all that is there, so it tells of the order of runs.
        volatile=("observed",),
    ),
    _table(
        "quality.metrics",
        "How good a list was: of the back-test before a training day, or realised by a published release.",
        f"""{_SHOP}
        train_cutoff | date! | fitted on what was known before this day; for realised lists the release's as_of
        test_start | date! | first business day looked at
        test_end | date! | the day after the last
        target | string! | all: every product taken; first: only products the user had not taken before
        list | string! | a source, or final
        metric | string! | hit_rate, ndcg, map, recall, coverage, novelty, diversity, gini; ndcg_minus_NAME is the paired difference to another list
        k | int! | length of the list looked at
        value | double | the mean; null when no user had a target
        low | double | lower end of the 95% bootstrap interval over users
        high | double | upper end
        users | bigint! | users with a target
        verdict | string | better, at least, not shown, worse: for differences
        kind | string! | backtest or realised
        release_id | string | the release, for realised lists""",
        "shop train_cutoff test_start test_end target list metric k kind",
        "merge",
        equality="close",
        volatile=("release_id",),
    ),
    _table(
        "quality.job_runs",
        "A job that ran.",
        f"""{_JOB_RUN}
        seconds | double! | wall clock
        status | string! | done, failed or skipped
        error | string | one line
        window_start | date! | first business day
        window_end | date! | the day after the last
        versions_read | map<string,bigint>! | Delta version of each table read
        versions_written | map<string,bigint>! | and written
        rows_written | map<string,bigint>! | where the writer knows
        code_version | string! | version of reasonrec""",
        "shop run_id job",
        "run",
        volatile=("run_id", "started_at", "seconds"),
    ),
)

ALL: tuple[Table, ...] = (EVENTS, *FEATURES, *TRAINING, *CANDIDATES, *RESULTS, *QUALITY)

__all__ = ["ALL", "SOURCES", "Column"]
