"""What a release shows."""

from __future__ import annotations

from libs.tables.table import SHOP, define

# The surface and context of the nightly lists.
HOME = {"surface": "home", "context": "default"}
# What names a row of a list within its release.
LIST_ROW = ("surface", "context", "user_id", "product_id")

_RELEASE = f"""{SHOP}
release_id | string! | the attempt that wrote the row
surface | string! | where it is shown: {HOME["surface"]}
context | string! | what the list is for on that surface: {HOME["context"]}"""

RESULTS = (
    define(
        "results.recommendations",
        "A product recommended to a user, with its rank.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        rank | int! | from 1
        product_id | string! | the product
        score | double! | fused score
        contributions | map<string,double>! | part of the score from each source
        attributions | array<struct<source:string,product_id:string,contribution:double>>! | history items, and the fall of the fused score without each in that source
        as_of | date! | only what was known before this business day was used
        model_version | string | models behind the score
        propensity | double | probability of being shown, if a policy explores
        schema_version | int! | of this table""",
        "shop release_id surface context user_id product_id",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
        schema_version=2,
    ),
    define(
        "results.evidence",
        "A fact that may be cited, stored once.",
        f"""{SHOP}
        release_id | string! | the attempt that wrote the row
        evidence_id | string! | hash of type, subject and slots
        subject | string! | product, user or pair
        user_id | string | the user it is about; null when about a product or two
        product_id | string | the product it is about; null when about a user
        type | string! | kind of fact; libs/explain/evidence_types.py declares each
        slots | map<string,string>! | its values by name
        support | bigint! | people, baskets or reviews that support it
        source_table | string! | the table that it comes from
        source_version | bigint! | Delta version of that table
        source_keys | map<string,string>! | key of the source row
        review_ids | array<string> | row_id of the reviews it cites; null if it cites none""",
        "shop release_id evidence_id",
        "release",
        partitioned_by=("shop", "release_id"),
        volatile=("release_id", "source_version"),
        schema_version=2,
    ),
    define(
        "results.recommendation_evidence",
        "A fact that holds for a recommended row, and the fall of the fused score without it.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        product_id | string! | the product
        evidence_id | string! | the fact
        role | string! | reason: the score falls without it; information: true, but it does not change the score
        contribution | double! | fall of the fused score if the fact's source or history item is removed""",
        "shop release_id surface context user_id product_id evidence_id",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
        cites_evidence=True,
        noun="fact",
    ),
    define(
        "results.explanations",
        "One or two sentences that say why a product is recommended to a user, with the facts they cite.",
        f"""{_RELEASE}
        user_id | string! | pseudonym
        product_id | string! | the product
        language | string! | en, zh
        sentence | string! | checked against its evidence before it was stored
        evidence_ids | array<string>! | facts cited, in order
        generator | string! | what wrote it
        grounded | boolean! | every number, name and claim is in the cited facts
        grounding | string | the message of the check; null if grounded
        contribution | double | fall of the fused score without the cited reasons
        faithfulness | double | that fall as a share of the fused score
        schema_version | int! | of this table""",
        "shop release_id surface context user_id product_id language",
        "release",
        partitioned_by=("shop", "release_id"),
        equality="close",
        volatile=("release_id",),
        cites_evidence=True,
        noun="sentence",
    ),
    define(
        "results.releases",
        "An attempt that was published: this one row makes it visible.",
        f"""{SHOP}
        release_id | string! | as_of and attempt
        as_of | date! | day the lists are for
        attempt | int! | of that day, from 1
        status | string! | published
        model_versions | map<string,string>! | by model
        table_versions | map<string,bigint>! | Delta version of each table it shows
        languages | array<string>! | of its sentences
        users | bigint! | users with a list
        recommendations | bigint! | rows
        stale | boolean! | the latest training failed and older models were used
        warnings | array<string>! | checks of quality.audits that failed without stopping it: sources left out, say
        published_at | timestamp! | wall clock""",
        "shop release_id",
        "merge",
        retention_days=90,
        schema_version=2,
        # A warning compares with the last release, and which one that is depends on the order of the nights.
        volatile=("release_id", "attempt", "table_versions", "warnings", "published_at"),
    ),
    define(
        "results.pins",
        "An operator's choice of the current release; the row with the greatest seq counts.",
        f"""{SHOP}
        seq | int! | 1, 2, ... in the order of pinning
        release_id | string | the release that stays current even if newer ones are published; null removes the pin
        reason | string! | why
        pinned_at | timestamp! | wall clock""",
        "shop seq",
        "merge",
        volatile=("pinned_at",),
    ),
)
