"""One row of the export: a product in a user's list by the shop's own user id, with its sentence in each language.

The ids are joined back where the key lives: bronze holds them as delivered; their pseudonyms are made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlparse

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.job import JobContext
from libs.privacy.pseudonyms import with_pseudonym
from libs.query.spark_sql import view
from libs.tables import LIST_ROW, Table, list_tables


@dataclass(frozen=True)
class Params:
    """format: parquet or json. folder: where to, one folder a shop and release; empty is `exports` in the warehouse."""

    format: Literal["parquet", "json"] = "parquet"
    folder: str = ""


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    check_folder(params.folder, ctx.run.conf.env.warehouse)
    current = (
        view(ctx.spark, ctx.run.conf.env.warehouse, "current_release").where(F.col("shop") == ctx.shop.name).first()
    )
    if current is None:
        raise OperatorError(f"{ctx.shop.name} has no published release to export: run daily first")
    of_release = F.col("release_id") == current["release_id"]
    sentences, ids = ctx.read("results.explanations").where(of_release), shop_ids(ctx)
    root = f"{params.folder or ctx.run.conf.env.warehouse + '/exports'}/{ctx.shop.name}"
    for found in list_tables():
        rows = as_export(found, ctx.read(found.name).where(of_release), sentences, ids)
        folder = f"{folder_of(found, root)}/{current['release_id']}"
        rows.coalesce(1).write.mode("overwrite").format(params.format).save(folder)
        ctx.log.info("exported %s of %s to %s", found.name, current["release_id"], folder)


def check_folder(folder: str, warehouse: str) -> None:
    """Raises OperatorError for a folder among the tables: an export replaces what it finds in its own."""
    path, root = unquote(urlparse(folder).path).rstrip("/"), urlparse(warehouse).path.rstrip("/")
    exports = f"{root}/exports"
    if ".." in path.split("/") or (f"{path}/".startswith(f"{root}/") and not f"{path}/".startswith(f"{exports}/")):
        raise OperatorError(
            f"publish.export.folder {folder!r}: lies among the tables; name a folder outside {warehouse}"
        )


def shop_ids(ctx: JobContext) -> DataFrame:
    """shop_user_id (as delivered, spaces around it aside) and user_id (pseudonym), one row a user."""
    frames = [
        ctx.read(f"bronze.{kind}").select("user_id")
        for kind in ("transactions", "reviews", "interactions")
        if kind in ctx.shop.kinds()
    ]
    ids = frames[0]
    for frame in frames[1:]:
        ids = ids.union(frame)
    known = ids.where(F.col("user_id").isNotNull()).select(F.trim("user_id").alias("shop_user_id")).distinct()
    return with_pseudonym(known, "shop_user_id", "user_id", ctx.secrets["pseudonym_key"])


def folder_of(table: Table, root: str) -> str:
    """The nightly lists lie in the shop's own folder; those of another table beside them, by the table's name."""
    return root if table.name == "results.recommendations" else f"{root}/{table.name.split('.')[1]}"


def as_export(table: Table, lists: DataFrame, sentences: DataFrame, ids: DataFrame) -> DataFrame:
    """Lists by the shop's own ids, in the order a loader wants them.

    Returns:
        shop_user_id, the table's other keys, rank, product_id, score, sentences (map by language), as_of, release_id.
    """
    by_language = F.map_from_entries(F.array_sort(F.collect_list(F.struct("language", "sentence"))))
    spoken = sentences.groupBy(*LIST_ROW).agg(by_language.alias("sentences"))
    joined = lists.join(spoken, list(LIST_ROW), "left").join(ids, "user_id", "inner")
    keys = [key for key in table.keys if key not in ("shop", "release_id", "user_id", "product_id")]
    names = ["shop_user_id", *keys, "rank", "product_id", "score", "sentences", "as_of", "release_id"]
    return joined.select(*names).orderBy("shop_user_id", *keys, "rank")
