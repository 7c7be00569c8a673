"""Training rows, and the models of record."""

from __future__ import annotations

from libs.tables.sources import MODELS
from libs.tables.table import CUTOFF, SHOP, define

TRAINING = (
    define(
        "training.vocabulary",
        "Dense integer ids of products for a model fitted at a cut-off: 1.. in product_id order, 0 is padding.",
        f"""{CUTOFF}
        product_id | string! | the product
        id | int! | its integer id""",
        "shop cutoff product_id",
        "cutoffs",
    ),
    define(
        "training.two_tower_examples",
        "A training example from a user's history: the events before a step, and the product of that step.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        step | int! | the step of the target
        history | array<int>! | the 20 ids before it, oldest first, padded with 0 at the front
        history_age | array<float>! | days between each and the target, 0 for padding
        profile | array<float>! | the user's numeric profile as of the cut-off
        target | int! | id of the product of the step
        weight | float! | weight of the example""",
        "shop cutoff user_id step target",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        equality="close",
    ),
    define(
        "training.models",
        "A fitted model: its data, parameters and code, and where its weights are.",
        f"""{SHOP}
        model | string! | {", ".join(MODELS)}
        version | string! | model, training day and a hash of parameters, data and code
        purpose | string! | record, or backtest
        train_cutoff | date! | fitted on what was known before this business day
        parent | string | version that it was continued from
        parameters | string! | JSON
        data_versions | map<string,bigint>! | Delta version of each table read
        code_version | string! | version of reasonrec
        weights_uri | string | folder of the weights, under the warehouse
        checksum | string | sha256 of the weights
        fitted | string! | JSON: small fitted values such as fusion weights, and figures of the fit""",
        "shop model version",
        "merge",
        retention_days=90,
        equality="close",
        volatile=("data_versions", "weights_uri", "checksum"),
    ),
)
