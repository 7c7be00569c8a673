"""`make cluster-demo`: the nightly run through spark-submit on a standalone cluster, without and with killed workers.

The cluster is a master and two workers with one core each on loopback. The project is shipped as its wheel, its
packages as an environment without the project (`--archive`: as an archive that each executor unpacks). The driver runs
outside the checkout, so executors cannot see the source tree. Spark's processes authenticate and encrypt.

The tables' checksums must equal those of the same window in one process on this machine. Then, in another warehouse, a
worker with its executor is killed in the middle of features, of training and of scoring. Each night must either end
with the same tables, or fail with one line and publish nothing; the next try finishes the work.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from libs.conf import load
from libs.metering.process_tree import Measured, measure
from libs.query.ask import ask
from libs.query.checksum import Checksum, checksums, compare
from libs.spark.session import build_session, jar_cache
from tests import tiny_shop

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = "SELECT release_id, users, recommendations FROM current_release WHERE shop = ?"
# The jobs during which a worker is killed, in the order of a night.
KILLS = ("users.user_history", "training.two_tower", "scoring.recommendations")


@dataclass(frozen=True)
class Night:
    """A nightly run: a shop of a conf, for the window [start, end)."""

    shop: str
    conf: Path
    start: str
    end: str


def main() -> None:
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("--shop", choices=["tiny", "music_store"], default="tiny")
    options.add_argument("--archive", action="store_true", help="send the environment too, as an archive")
    options.add_argument("--kills", action=argparse.BooleanOptionalAction, default=True, help="kill workers")
    arguments = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reasonrec-cluster-"))  # kept with its logs and tables if the demo fails
    print(f"logs and tables in {folder}")
    if arguments.shop == "tiny":
        night = Night(tiny_shop.NAME, tiny_shop.write(folder), "1998-01-01", "2014-01-06")
    else:
        shutil.copytree(ROOT / "conf", folder / "conf")
        _absolute_paths(folder / "conf" / "shops" / "music_store.yaml")
        night = Night("music_store", folder / "conf", "1998-01-01", "2014-06-30")
    run(night, folder, arguments.archive, arguments.kills)
    shutil.rmtree(folder)


def run(night: Night, folder: Path, archive: bool, kills: bool) -> None:
    os.environ["REASONREC_KEY"] = secrets.token_hex(32)
    os.environ["_SPARK_AUTH_SECRET"] = secrets.token_hex(32)
    wheel = build_wheel(folder)
    environment = make_environment(folder, archive)
    alone = _one_process(night, folder, environment, wheel)
    with standalone(folder, environment) as cluster:
        write_conf(night, cluster.url)
        send = ["--archives", f"{environment.with_suffix('.tar.gz')}#environment"] if archive else []
        submit = Submit(night, folder, environment, wheel, send, cluster)
        clean = submit.run("clean")
        if clean.status:
            _failed(folder / "clean.log")
        _one_release(night, folder / "clean_wh")
        survived = _with_kills(night, folder, submit, cluster) if kills else 0
    spark = build_session(load(ROOT / "conf", "test", None).env, "reasonrec cluster demo")
    sums = {name: checksums(spark, (folder / f"{name}_wh").as_uri(), night.shop) for name in ("alone", "clean")}
    if kills:
        sums["killed"] = checksums(spark, (folder / "killed_wh").as_uri(), night.shop)
    spark.stop()
    for name, tables in sums.items():
        _check_equal(sums["alone"], tables, name)
    print(
        f"figure: cluster_demo tables={len(sums['clean'])} kills={len(KILLS) if kills else 0} survived={survived}"
        f" cpu_s={clean.cpu_s:.0f} one_process_cpu_s={alone.cpu_s:.0f} ratio={clean.cpu_s / alone.cpu_s:.2f}"
    )


def _absolute_paths(path: Path) -> None:
    shop = yaml.safe_load(path.read_text())
    for source in shop["sources"].values():
        source["path"] = str(ROOT / source["path"])
    path.write_text(yaml.safe_dump(shop))


# ---- what is shipped


def build_wheel(folder: Path) -> Path:
    uv = [ROOT / ".venv/bin/uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*uv, "--out-dir", folder / "dist"], cwd=ROOT, check=True)
    # A wheel is a zip archive, but spark-submit recognises one only by its name.
    return next((folder / "dist").glob("*.whl")).rename(folder / "reasonrec.zip")


def make_environment(folder: Path, archive: bool) -> Path:
    """Installs the job environment from its lock, without the project; with `archive` also packs it, beside it."""
    environment, script = folder / "environment", ROOT / "requirements" / "environment.sh"
    subprocess.run([script, environment, *([environment.with_suffix(".tar.gz")] if archive else [])], check=True)
    return environment


# ---- the cluster


@dataclass
class Cluster:
    """A master and its workers.

    Attributes:
        workers: leaders of process groups, so that a worker is killed together with its executors.
        processes: restarted workers, whose CPU time must not be counted as the night's.
    """

    url: str
    start_worker: Callable[[int], subprocess.Popen[bytes]]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    processes: set[psutil.Process] = field(default_factory=set)

    def kill(self, number: int) -> None:
        """Kills a worker as if its machine was lost: nothing on it shuts down in order."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def restart(self, number: int) -> None:
        self.workers[number] = self.start_worker(number)
        self.processes.add(psutil.Process(self.workers[number].pid))


@contextmanager
def standalone(folder: Path, environment: Path, workers: int = 2) -> Iterator[Cluster]:
    """A standalone cluster on loopback whose processes authenticate and encrypt; its logs are in the folder."""
    port, ui = _free_port(), _free_port()
    # In a file that nobody else may read: anyone can list the arguments of a process.
    settings = folder / "cluster.properties"
    settings.touch(0o600)
    secret = os.environ["_SPARK_AUTH_SECRET"]
    settings.write_text(
        f"spark.authenticate true\nspark.network.crypto.enabled true\nspark.authenticate.secret {secret}\n"
    )
    variables = _environment(environment) | {"SPARK_DAEMON_MEMORY": "512m"}

    def daemon(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    _spark_home(environment) / "bin" / "spark-class",
                    f"org.apache.spark.deploy.{arguments[0]}",
                    *("--properties-file", settings),
                    *arguments[1:],
                ],
                env=variables,
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def worker(number: int) -> subprocess.Popen[bytes]:
        place = ["--host", "127.0.0.1", "-d", str(folder / f"worker-{number}"), "--webui-port", str(_free_port())]
        return daemon(f"worker-{number}", "worker.Worker", "-c", "1", "-m", "3g", *place, cluster.url)

    cluster = Cluster(f"spark://127.0.0.1:{port}", worker)
    master = daemon("master", "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(ui))
    try:
        _wait_until(lambda: _listens(port), 60, "the master does not listen")
        cluster.workers = [worker(number) for number in range(workers)]
        yield cluster
    finally:
        for process in [*cluster.workers, master]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def write_conf(night: Night, master: str, like: str = "test") -> None:
    """Writes conf/cluster.yaml: the environment `like`, with the Spark settings that a cluster needs."""
    base = yaml.safe_load((night.conf / f"{like}.yaml").read_text())
    local = ("spark.driver.", "spark.master")
    spark = {key: value for key, value in base["spark"].items() if not key.startswith(local)}
    spark |= {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.io.encryption.enabled": "true",
        "spark.executor.cores": "1",
        "spark.executor.memory": "2g",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone=UTC",
    }
    horovod = {"stall_timeout_s": 90, "network_interface": "lo"}
    settings = {**base, "spark": spark, "horovod": horovod, "compute": {"ranks": {"spark.executor.instances": "2"}}}
    (night.conf / "cluster.yaml").write_text(yaml.safe_dump(settings))


# ---- a night


@dataclass
class Submit:
    """The nightly run through spark-submit on the cluster, from a folder with nothing but the wheel's run.py."""

    night: Night
    folder: Path
    environment: Path
    wheel: Path
    send: list[str]
    cluster: Cluster

    def run(self, name: str, warehouse: str = "") -> Measured:
        """Runs the night with its log in `NAME.log`; the CPU time is that of the driver and the executors."""
        home = self.folder / "driver"
        home.mkdir(exist_ok=True)
        subprocess.run(["unzip", "-qoj", self.wheel, "jobs/run.py", "-d", home], check=True)
        jars = ",".join(str(jar) for jar in sorted(jar_cache().glob("*.jar")))
        command = [
            str(self.environment / "bin" / "spark-submit"),
            "--master",
            self.cluster.url,
            "--driver-memory",
            "3g",
        ]
        command += ["--jars", jars, "--py-files", str(self.wheel), *self.send]
        command += ["run.py", "daily", "--shop", self.night.shop, "--start", self.night.start, "--end", self.night.end]
        command += ["--env", "cluster", "--conf", str(self.night.conf)]
        variables = _environment(self.environment) | {
            "REASONREC_WAREHOUSE": str(self.folder / f"{warehouse or name}_wh")
        }
        if self.send:
            variables["PYSPARK_PYTHON"] = "./environment/bin/python"
            variables["PYSPARK_DRIVER_PYTHON"] = str(self.environment / "bin" / "python")
        before = _tree_cpu(self.cluster.workers)
        with (self.folder / f"{name}.log").open("w") as out:
            driver = measure(command, apart=self.cluster.processes, stdout=out, stderr=out, env=variables, cwd=home)
        executors = _tree_cpu(self.cluster.workers) - before  # the CPU time of killed workers is lost
        of_workers = f", {executors:.0f} of the workers" if executors > 0 else ""
        print(f"{name}: status {driver.status}, {driver.cpu_s:.0f} CPU seconds of the driver{of_workers}", flush=True)
        return Measured(driver.status, driver.cpu_s + executors, driver.wall_s, None)


def _one_process(night: Night, folder: Path, environment: Path, wheel: Path) -> Measured:
    variables = _environment(environment) | {
        "REASONREC_WAREHOUSE": str(folder / "alone_wh"),
        "PYTHONPATH": str(wheel),
    }
    command = [str(environment / "bin" / "python"), "-m", "jobs.run", "daily", "--shop", night.shop, "--env", "test"]
    command += ["--start", night.start, "--end", night.end, "--conf", str(night.conf)]
    with (folder / "alone.log").open("w") as out:
        measured = measure(command, stdout=out, stderr=out, env=variables, cwd=folder)
    if measured.status:
        _failed(folder / "alone.log")
    print(f"in one process: {measured.cpu_s:.0f} CPU seconds")
    return measured


def _with_kills(night: Night, folder: Path, submit: Submit, cluster: Cluster) -> int:
    """Runs nights in one warehouse until one succeeds, and kills a worker during each job of KILLS; returns the kills.

    A night that fails must say why in one line and must not publish.
    """
    jobs = list(KILLS)
    for attempt in range(1, len(KILLS) + 2):
        name, ended = f"killed-{attempt}", threading.Event()
        killer = threading.Thread(target=_kill, args=(folder / f"{name}.log", jobs, cluster, ended))
        killer.start()
        measured = submit.run(name, "killed")
        ended.set()
        killer.join()
        if measured.status == 0:
            if jobs:
                sys.exit(f"{name} succeeded, but no worker was killed in {jobs}: see {folder}")
            _one_release(night, folder / "killed_wh")
            return len(KILLS)
        log = (folder / f"{name}.log").read_text()
        errors = [line for line in log.splitlines() if line.startswith("reasonrec: ")]
        if measured.status:
            print(f"  {name} failed: {errors}")
            if len(errors) != 1 or "Traceback" in log.split(errors[0])[-1]:
                _failed(folder / f"{name}.log")
            if ask((folder / "killed_wh").as_uri(), PUBLISHED, [night.shop]).fetchall():
                sys.exit(f"{name} failed but published")
    sys.exit(f"no night succeeded: see {folder}")


def _kill(log: Path, jobs: list[str], cluster: Cluster, ended: threading.Event) -> None:
    """Kills worker 0 two seconds into each of `jobs` (in training: once a rank runs) and starts it again.

    Removes each job from the list once a worker was killed during it.
    """
    while jobs and not ended.wait(0.2):
        if not log.exists() or f"] {jobs[0]}\n" not in log.read_text():
            continue
        if jobs[0].startswith("training") and not _has_rank(cluster.workers[0]):
            continue
        if ended.wait(2):
            return
        print(f"  worker 0 is killed in {jobs[0]}", flush=True)
        cluster.kill(0)
        jobs.pop(0)
        ended.wait(5)
        cluster.restart(0)


def _has_rank(worker: subprocess.Popen[bytes]) -> bool:
    """Whether a Horovod rank runs on a worker."""
    for process in _tree(worker):
        with suppress(psutil.Error):  # the process has just ended
            if "gloo_exec_fn" in " ".join(process.cmdline()):
                return True
    return False


def _one_release(night: Night, warehouse: Path) -> None:
    published = ask(warehouse.as_uri(), PUBLISHED, [night.shop]).fetchall()
    if len(published) != 1:
        sys.exit(f"{warehouse}: no release was published")
    release, users, rows = published[0]
    print(f"release {release}: {users} users, {rows} recommendations")


def _check_equal(expected: list[Checksum], actual: list[Checksum], name: str) -> None:
    differ, close = compare(expected, actual)
    if differ:
        sys.exit(f"{name}: tables that differ from those of one process: {', '.join(differ)}")
    print(f"{name}: {len(actual)} tables equal those of one process ({len(close)} of them to 4 digits)")


# ---- helpers


def _environment(environment: Path) -> dict[str, str]:
    """This process's variables, without any that point to the checkout, for programs of the job environment."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    path = [part for part in kept["PATH"].split(os.pathsep) if not Path(part).is_relative_to(ROOT)]
    python = str(environment / "bin" / "python")
    return kept | {
        "PATH": os.pathsep.join([str(environment / "bin"), *path]),
        "SPARK_HOME": str(_spark_home(environment)),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _spark_home(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages/pyspark"))


def _tree_cpu(workers: list[subprocess.Popen[bytes]]) -> float:
    """CPU seconds of workers with their executors, including executors that have ended."""
    total = 0.0
    for worker in workers:
        for process in _tree(worker):
            with suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])
    return total


def _tree(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A worker with all its descendants; empty if it was killed."""
    try:
        root = psutil.Process(worker.pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(condition: Callable[[], bool], seconds: float, message: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(message)
        time.sleep(0.2)


def _failed(log: Path) -> None:
    print("\n".join(log.read_text().splitlines()[-60:]), file=sys.stderr)
    sys.exit(f"the night failed: {log}")


if __name__ == "__main__":
    main()
