"""Column expressions that Spark would otherwise compute several times."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F


def once(value: Column, use: Callable[[Column], Column]) -> Column:
    """What `use` makes of a value that is dear to compute.

    Spark puts a column's expression into each place that names it; a variable of a lambda it works out once a row.
    """
    return F.transform(F.array(value), use)[0]
