"""Checks the Spark settings of conf/<env>.yaml for contradictions before anything starts.

Spark itself would fail late, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# Left in conf/prod.yaml where only the reader knows what to write.
PLACEHOLDER = "FILL-IN"
_SECRET = re.compile(r"(?i)secret|password|passwd|token|(access|account|private|encryption)\.key|credential|\.sas\.")
# Named like a secret but none: a class, the path of a file, a reference to a secret that the cluster keeps.
_NO_SECRET = re.compile(r"(?i)(provider|file)$|^spark\.kubernetes\.(driver|executor)\.(secrets|secretKeyRef)\.")
_GPU = ("spark.executor.resource.gpu.amount", "spark.task.resource.gpu.amount")


def faults(spark: Mapping[str, str], ranks: int = 0, gpu: bool = False) -> Iterator[str]:
    """Contradictions and errors in the settings of one application, each as `KEY: what is wrong; the fix`.

    Args:
        spark: settings by Spark's own names.
        ranks: Horovod's ranks; 0 if Horovod does not run in this application.
        gpu: a rank has a GPU of its own.
    """
    for key, value in spark.items():
        if not key.startswith("spark."):
            yield f"{key}: is no setting of Spark; its names begin with `spark.`"
        if _SECRET.search(key) and not _NO_SECRET.search(key) and not _is_a_switch(value):
            yield f"{key}: secrets come from the environment alone; take it out of the file"
        if PLACEHOLDER in value:
            yield f"{key}: {value!r} is still the example's; fill it in, or take the line out"
    if not _on(spark, "spark.authenticate"):
        for key in ("spark.network.crypto.enabled", "spark.network.crypto.saslFallback"):
            if _on(spark, key):
                yield f"{key}: Spark encrypts only between processes that authenticate; set spark.authenticate too"
    cores, cpus = _number(spark, "spark.executor.cores"), _number(spark, "spark.task.cpus") or 1
    if cores is not None and cpus > cores:
        yield f"spark.task.cpus: {cpus} of an executor's {cores} cores: no task would ever run; lower it"
    yield from _of_allocation(spark)
    if ranks:
        yield from _of_ranks(spark, ranks, gpu)


def _of_allocation(spark: Mapping[str, str]) -> Iterator[str]:
    if not _on(spark, "spark.dynamicAllocation.enabled"):
        return
    fixed = "spark.executor.instances"
    if fixed in spark:
        yield f"{fixed}: a fixed number, under dynamic allocation: say minExecutors and maxExecutors, or switch it off"
    bounds = [_number(spark, f"spark.dynamicAllocation.{end}Executors") for end in ("min", "initial", "max")]
    given = [bound for bound in bounds if bound is not None]
    if given != sorted(given):
        yield "spark.dynamicAllocation.maxExecutors: minExecutors <= initialExecutors <= maxExecutors does not hold"


def _of_ranks(spark: Mapping[str, str], ranks: int, gpu: bool) -> Iterator[str]:
    if _on(spark, "spark.dynamicAllocation.enabled"):
        yield (
            "spark.dynamicAllocation.enabled: Horovod's ranks keep their places all through a fit; set it to"
            ' "false" under compute.ranks'
        )
    if _on(spark, "spark.speculation"):
        yield 'spark.speculation: a rank that runs twice hangs all; set it to "false" under compute.ranks'
    slots = _slots(spark)
    if slots is not None and slots < ranks:
        yield f"horovod.ranks: {ranks}, but the executors have {slots} task slots; lower it, or add executors"
    if gpu and not spark.get("spark.master", "").startswith("local"):
        for key in _GPU:
            if _number(spark, key) is None:
                yield f"{key}: missing, and horovod.gpu is one_per_rank: tell Spark of the GPUs under compute.ranks"
        if _number(spark, _GPU[1]) not in (None, 1):
            yield f"{_GPU[1]}: a rank has one GPU; set it to 1"


def _slots(spark: Mapping[str, str]) -> int | None:
    """Tasks that run at once; None if the settings do not say."""
    instances, cores = _number(spark, "spark.executor.instances"), _number(spark, "spark.executor.cores")
    if instances is None or cores is None:
        return None
    slots = cores // (_number(spark, "spark.task.cpus") or 1)
    gpus, each = _number(spark, _GPU[0]), _number(spark, _GPU[1])
    if gpus is not None and each:
        slots = min(slots, gpus // each)
    return instances * slots


def _on(spark: Mapping[str, str], key: str) -> bool:
    return spark.get(key, "").lower() == "true"


def _is_a_switch(value: str) -> bool:
    return value.lower() in ("true", "false")


def _number(spark: Mapping[str, str], key: str) -> int | None:
    value = spark.get(key, "")
    return int(value) if value.isdecimal() else None
