"""Settings that cannot hold are refused before anything starts, by name."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from jobs import catalog
from libs.conf import load
from libs.errors import OperatorError
from libs.spark.session import _refuse_unknown

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.fixture
def prod(tmp_path, monkeypatch):
    """Writes conf/prod.yaml, filled in, with `changes` over it (None takes a key away), and loads it."""
    monkeypatch.delenv("REASONREC_WAREHOUSE", raising=False)
    shutil.copytree(CONF, tmp_path / "conf")

    def written(**changes):
        settings = yaml.safe_load((CONF / "prod.yaml").read_text().replace("FILL-IN", "bucket"))
        for key, value in changes.items():
            settings[key] = {**settings[key], **value} if isinstance(value, dict) else value
        (tmp_path / "conf" / "prod.yaml").write_text(yaml.safe_dump(settings))
        return load(tmp_path / "conf", "prod", None).env

    return written


def test_the_example_is_no_environment_until_it_is_filled_in(prod, monkeypatch):
    monkeypatch.delenv("REASONREC_WAREHOUSE", raising=False)
    with pytest.raises(OperatorError, match=r"prod.yaml: warehouse: 's3a://FILL-IN/reasonrec' is still the example's"):
        load(CONF, "prod", None)
    monkeypatch.setenv("REASONREC_WAREHOUSE", "s3a://shop/warehouse")
    with pytest.raises(OperatorError, match=r"spark.eventLog.dir: 's3a://FILL-IN/spark-events' is still the example's"):
        load(CONF, "prod", None)
    monkeypatch.delenv("REASONREC_WAREHOUSE")
    env = prod()
    assert env.spark_of("small")["spark.executor.memory"] == "4g"
    assert env.spark_of("ranks")["spark.dynamicAllocation.enabled"] == "false"
    assert env.spark_of("ranks")["spark.authenticate"] == "true"


RANKS = {
    "spark.executor.instances": "2",
    "spark.executor.cores": "4",
    "spark.task.cpus": "4",
}
GPUS = {"spark.executor.resource.gpu.amount": "1", "spark.task.resource.gpu.amount": "1"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spark": {"executor.memory": "4g"}}, "executor.memory: is no setting of Spark"),
        ({"spark": {"spark.authenticate.secret": "abc"}}, "spark.authenticate.secret: secrets come from"),
        ({"spark": {"spark.hadoop.fs.s3a.access.key": "abc"}}, "fs.s3a.access.key: secrets come from"),
        ({"spark": {"spark.hadoop.fs.azure.account.key.x.dfs.core.windows.net": "abc"}}, "windows.net: secrets come from"),
        ({"spark": {"spark.hadoop.fs.gs.auth.service.account.private.key": "abc"}}, "private.key: secrets come from"),
        ({"spark": {"spark.hadoop.fs.s3a.encryption.key": "abc"}}, "encryption.key: secrets come from"),
        ({"spark": {"spark.authenticate": "false"}}, "spark.network.crypto.enabled: Spark encrypts only"),
        ({"compute": {"small": {"spark.executor.cores": "1", "spark.task.cpus": "2"}}}, "compute.small: spark.task.cpus: 2"),
        ({"compute": {"large": {"spark.dynamicAllocation.enabled": "true", "spark.executor.instances": "3"}}},
         "compute.large: spark.executor.instances: a fixed number"),
        ({"compute": {"large": {"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.minExecutors": "3",
                                "spark.dynamicAllocation.maxExecutors": "2"}}}, "minExecutors <= initialExecutors"),
        ({"compute": {"ranks": {**RANKS, "spark.dynamicAllocation.enabled": "true"}}},
         "compute.ranks: spark.executor.instances"),
        ({"compute": {"ranks": {"spark.dynamicAllocation.enabled": "true"}}},
         "compute.ranks: spark.dynamicAllocation.enabled: Horovod's ranks keep"),
        ({"compute": {"ranks": {**RANKS, "spark.speculation": "true"}}}, "spark.speculation: a rank that runs twice"),
        ({"compute": {"ranks": {**RANKS, "spark.executor.instances": "1"}}}, "horovod.ranks: 2, but .* 1 task slots"),
        ({"horovod": {"gpu": "one_per_rank"}}, "spark.executor.resource.gpu.amount: missing"),
        ({"horovod": {"gpu": "one_per_rank"},
          "compute": {"ranks": {**RANKS, **GPUS, "spark.task.resource.gpu.amount": "2"}}}, "horovod.ranks: 2, but .* 0 task"),
        ({"spark": {"spark.eventLog.dir": "s3a://FILL-IN"}}, "spark.eventLog.dir: 's3a://FILL-IN' is still"),
        ({"compute": {"tiny": {}}}, "compute.tiny"),
    ],
)  # fmt: skip
def test_what_cannot_hold_is_refused_by_name(prod, changes, told):
    with pytest.raises(OperatorError, match=told):
        prod(**changes)


@pytest.mark.parametrize(
    "key",
    [
        "spark.hadoop.fs.s3a.aws.credentials.provider",
        "spark.kubernetes.driver.secrets.shop-key",
        "spark.kubernetes.executor.secretKeyRef.REASONREC_KEY",
        "spark.kubernetes.authenticate.driver.oauthTokenFile",
    ],
)
def test_what_is_only_named_after_a_secret_may_stand_in_conf(prod, key):
    assert prod(spark={key: "/a/place"}).spark_of("small")[key] == "/a/place"


def test_a_rank_with_its_own_gpu_is_a_rank_too(prod):
    env = prod(horovod={"gpu": "one_per_rank"}, compute={"ranks": {**RANKS, **GPUS}})
    assert env.horovod.gpu == "one_per_rank"


def test_settings_that_spark_does_not_know_are_refused(spark, prod):
    for env in (load(CONF, "dev", None).env, load(CONF, "test", None).env, prod()):
        for compute in catalog.COMPUTE:
            _refuse_unknown(spark._jvm, env.spark_of(compute), "conf")
    free = {"spark.hadoop.fs.s3a.endpoint": "x", "spark.kubernetes.driver.label.team": "x", "spark.yarn.queue": "x"}
    _refuse_unknown(spark._jvm, free, "conf")
    for wrong in ("spark.executor.memroy", "spark.sql.shuffle.partition", "spark.kubernetes.namespaces", "spark.magic"):
        with pytest.raises(OperatorError, match=f"conf/x.yaml: {wrong}: Spark has no such setting"):
            _refuse_unknown(spark._jvm, {wrong: "1"}, "conf/x.yaml")


def test_an_application_asks_for_the_largest_class_of_its_jobs():
    assert catalog.compute_of(catalog.select("daily")) == "ranks"
    assert catalog.compute_of(catalog.select("ingest")) == "large"
    assert catalog.compute_of(catalog.select("publish.release")) == "small"


def test_the_discovery_script_tells_spark_the_gpus(tmp_path):
    """In the form that ResourceInformation reads; seen with one NVIDIA H200, here with a stand-in for two."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run([CONF / "gpus.sh"], capture_output=True, check=True, env=env, text=True).stdout
    assert json.loads(told) == {"name": "gpu", "addresses": ["0", "1"]}
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert subprocess.run([CONF / "gpus.sh"], capture_output=True, check=False, env=env).returncode
