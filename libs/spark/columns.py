"""Column expressions that Spark must not compute more than once per row."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F


def once(value: Column, use: Callable[[Column], Column]) -> Column:
    """Applies `use` to an expensive value that is computed once per row.

    Spark copies a column's expression into every place that uses it, but evaluates a lambda's variable only once.
    """
    return F.transform(F.array(value), use)[0]
