"""The views that analysts query. Each is one SELECT that both Spark SQL and DuckDB can run."""

from __future__ import annotations

from dataclasses import dataclass

from libs.tables.results import RESULTS
from libs.tables.table import Table


@dataclass(frozen=True)
class View:
    """A stable name for a query; `reads` are the tables and views that its SQL names."""

    name: str
    about: str
    reads: tuple[str, ...]
    sql: str


_NAMES = {"results.evidence": "evidence"}


def current_rows(table: Table) -> View:
    """A table's rows in the release that readers see."""
    columns = ", ".join(f"t.{name}" for name in table.column_names if name != "schema_version")
    select = ("SELECT", columns, "FROM", table.name, "AS t JOIN current_release AS c")
    return View(
        _NAMES.get(table.name, f"current_{table.name.split('.')[1]}"),
        f"Of the current release: {table.about}",
        (table.name, "current_release"),
        " ".join([*select, "ON c.shop = t.shop AND c.release_id = t.release_id"]),
    )


_VIEWS = (
    View(
        "current_release",
        "The release readers see: a shop's pinned one, else the published one with the greatest day and attempt.",
        ("results.releases", "results.pins"),
        """
        SELECT r.* FROM (
          SELECT releases.*, row_number() OVER (
            PARTITION BY releases.shop
            ORDER BY CASE WHEN pin.release_id = releases.release_id THEN 0 ELSE 1 END, as_of DESC, attempt DESC) AS place
          FROM results.releases AS releases
          LEFT JOIN (
            SELECT shop, release_id FROM (
              SELECT shop, release_id, row_number() OVER (PARTITION BY shop ORDER BY seq DESC) AS newest FROM results.pins
            ) AS pins WHERE newest = 1) AS pin ON pin.shop = releases.shop
          WHERE releases.status = 'published') AS r WHERE r.place = 1""",
    ),
    *map(current_rows, [table for table in RESULTS if table.in_release]),
    View(
        "current_user_profiles",
        "The user profiles that tonight's lists were computed from.",
        ("features.user_profile", "current_release"),
        """
        SELECT c.release_id, t.* FROM features.user_profile AS t
        JOIN current_release AS c ON c.shop = t.shop AND c.as_of = t.cutoff""",
    ),
    View(
        "current_product_profiles",
        "The product profiles that tonight's lists were computed from.",
        ("features.product_profile", "current_release"),
        """
        SELECT c.release_id, t.* FROM features.product_profile AS t
        JOIN current_release AS c ON c.shop = t.shop AND c.as_of = t.cutoff""",
    ),
    View(
        "recommendations_with_reasons",
        "Tonight's rows with title, sentence and the cited facts; one row per language.",
        ("current_recommendations", "current_explanations", "current_product_profiles"),
        """
        SELECT r.shop, r.release_id, r.surface, r.context, r.user_id, r.rank, r.product_id, p.title, r.score,
               e.language, e.sentence, e.evidence_ids, e.generator, e.grounded, e.contribution, e.faithfulness
        FROM current_recommendations AS r
        JOIN current_explanations AS e ON e.shop = r.shop AND e.release_id = r.release_id AND e.surface = r.surface
          AND e.context = r.context AND e.user_id = r.user_id AND e.product_id = r.product_id
        LEFT JOIN current_product_profiles AS p ON p.shop = r.shop AND p.product_id = r.product_id""",
    ),
)

VIEWS: dict[str, View] = {view.name: view for view in _VIEWS}
