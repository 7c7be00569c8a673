"""`conf/<env>.yaml`: where the warehouse is, how Spark and Horovod run, where alarms go."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.conf import cluster
from libs.conf.alarms import AlarmsConf


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HorovodConf(_Strict):
    """How training ranks run. `gpu: one_per_rank` pins each rank to one GPU of its machine and needs an NCCL build.

    If a step of a fit takes longer than `stall_timeout_s`, all ranks are ended and no model is recorded.
    """

    ranks: int = Field(default=2, ge=1)
    start_timeout_s: int = Field(default=120, ge=1)
    stall_timeout_s: int = Field(default=600, ge=1)
    gpu: Literal["none", "one_per_rank"] = "none"
    mixed_precision: bool = False
    network_interface: str | None = None


class EnvConf(_Strict):
    """An environment. `compute` maps a compute class of the catalog to Spark settings, which override `spark`."""

    env: str
    warehouse: str
    spark: dict[str, str] = {}
    compute: dict[Literal["small", "large", "ranks"], dict[str, str]] = {}
    horovod: HorovodConf = HorovodConf()
    mlflow_uri: str | None = None
    pseudonym_key: Literal["environment", "file"] = "environment"
    train_every_days: int = Field(default=7, ge=1)
    max_model_age_days: int = Field(default=28, ge=1)
    log_format: Literal["text", "json"] = "text"
    alarms: AlarmsConf = AlarmsConf()

    def spark_of(self, compute: str) -> dict[str, str]:
        """The Spark settings of an application of a compute class."""
        return {**self.spark, **self.compute.get(compute, {})}  # type: ignore[call-overload]

    @model_validator(mode="after")
    def _holds_together(self) -> EnvConf:
        if cluster.PLACEHOLDER in self.warehouse:
            raise ValueError(
                f"warehouse: {self.warehouse!r} is still the example's; fill it in, or set REASONREC_WAREHOUSE"
            )
        for compute in ("small", "large", "ranks"):
            ranks = self.horovod.ranks if compute == "ranks" else 0
            fault = next(cluster.faults(self.spark_of(compute), ranks, self.horovod.gpu == "one_per_rank"), None)
            if fault:
                raise ValueError(f"compute.{compute}: {fault}" if self.compute else fault)
        return self
