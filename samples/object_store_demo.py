"""`make object-store-demo`: the daily run on the local disk and on S3 (a server on loopback) gives the same tables.

On S3 the shop's files, the warehouse, weights and checkpoints are all in the bucket. Afterwards the CLI's read commands
run on both warehouses. Nothing may be left behind: no staged rows, no checkpoints, no secret in any file or object.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pyarrow import fs

from libs.conf import load
from libs.query.checksum import checksums, compare
from libs.spark.session import build_session
from libs.store import filesystem
from tests import tiny_shop
from tests.s3_server import BUCKET, missing, s3_server

ROOT = Path(__file__).resolve().parents[1]
BUCKET_URI = f"s3a://{BUCKET}"
KEY = "0" * 64
LISTED = "SELECT user_id, product_id, rank FROM current_recommendations ORDER BY user_id, rank"
COMMANDS = {
    "sql": ["sql", LISTED, "--format", "csv"],
    "tables": ["tables", "results.recommendations"],
    "release list": ["release", "list"],
    "release show": ["release", "show", "{release}", "--shop", "{shop}"],
    "why": ["why", "--shop", "{shop}", "--user", "{user}", "--product", "{product}"],
    "status": ["status"],
    "doctor": ["doctor"],
}


@dataclass(frozen=True)
class Night:
    """The window of a shop up to `end` in a folder of its own, with what its runs need."""

    shop: str
    end: str
    folder: Path
    variables: dict[str, str] = field(repr=False)  # environment variables of the S3 server

    def environ(self, place: str) -> dict[str, str]:
        """The environment of a run in `local` or `s3`: conf, warehouse and temporary folder."""
        temporary = self.folder / f"tmp_{place}"
        temporary.mkdir(exist_ok=True)
        base = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **base,
            **(self.variables if place == "s3" else {}),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(temporary),
            "REASONREC_CONF": str(self.folder / place / "conf"),
            "REASONREC_WAREHOUSE": self.warehouse(place),
            "REASONREC_KEY": KEY,
        }

    def warehouse(self, place: str) -> str:
        return f"{BUCKET_URI}/warehouse" if place == "s3" else (self.folder / "local" / "warehouse").as_uri()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "jobs" / "run.py"), *arguments]


def main() -> None:
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("--shop", choices=["tiny", "music_store"], default="tiny")
    arguments = options.parse_args()
    if reason := missing(spark=True):
        sys.exit(reason)
    folder = Path(tempfile.mkdtemp(prefix="reasonrec-object-store-"))  # kept with its logs if a check fails
    with s3_server(folder / "server.log") as variables:
        tiny = arguments.shop == "tiny"
        night = Night(
            tiny_shop.NAME if tiny else arguments.shop, "2014-01-06" if tiny else "2014-06-30", folder, variables
        )
        os.environ.update(variables)
        failed = run(night)
    if failed:
        sys.exit(f"a check failed, see {folder}")
    shutil.rmtree(folder)


def run(night: Night) -> bool:
    """Runs all checks; returns whether any failed."""
    write_shop(night)
    seconds = {place: daily(night, place) for place in ("local", "s3")}
    differ, close, equal = compare_tables(night)
    answered = sum(ask_both(night, name, arguments) for name, arguments in COMMANDS.items())
    left, secrets = left_behind(night), leaked_secrets(night)
    for line in [*differ, *left, *secrets]:
        print(f"MISS {line}")
    print(
        f"figure: object_store shop={night.shop} tables={equal + len(close) + len(differ)} equal={equal}"
        f" close={len(close)} differ={len(differ)} commands={answered}/{len(COMMANDS)} left_behind={len(left)}"
        f" secrets={len(secrets)} local_s={seconds['local']:.0f} s3_s={seconds['s3']:.0f}"
    )
    return bool(differ or left or secrets or answered < len(COMMANDS))


def write_shop(night: Night) -> None:
    """Writes the shop's conf and files on disk and in the bucket."""
    local = night.folder / "local"
    local.mkdir()
    if night.shop == tiny_shop.NAME:
        tiny_shop.write(local)
    else:
        shutil.copytree(ROOT / "conf", local / "conf")
        for path in (local / "conf" / "shops").glob("*.yaml"):
            if path.stem != night.shop:
                path.unlink()
    shutil.copytree(local / "conf", night.folder / "s3" / "conf")
    for place in ("local", "s3"):
        path = night.folder / place / "conf" / "shops" / f"{night.shop}.yaml"
        shop = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source in shop["sources"].values():
            file = (ROOT / source["path"]).resolve()
            source["path"] = str(file)
            if place == "s3":
                source["path"] = f"{BUCKET_URI}/deliveries/{file.name}"
                store, key = filesystem(source["path"])
                fs.copy_files(str(file), key, fs.LocalFileSystem(), store)
        path.write_text(yaml.safe_dump(shop), encoding="utf-8")


def daily(night: Night, place: str) -> float:
    """Runs the night; returns the elapsed seconds."""
    window = ["--start", "1998-01-01", "--end", night.end]
    command = night.command("daily", "--shop", night.shop, *window, "--env", "test")
    log = night.folder / f"{place}.log"
    print(f"the daily run of {night.shop} in {night.warehouse(place)}: log in {log}", flush=True)
    started = time.monotonic()
    with log.open("w") as out:
        status = subprocess.run(command, stdout=out, stderr=out, env=night.environ(place), cwd=night.folder).returncode
    if status:
        print("\n".join(log.read_text().splitlines()[-60:]), file=sys.stderr)
        sys.exit(f"the run in {night.warehouse(place)} ended with status {status}")
    return time.monotonic() - started


def compare_tables(night: Night) -> tuple[list[str], list[str], int]:
    """(tables that differ, tables that are only close, number of exactly equal tables)."""
    env = load(night.folder / "s3" / "conf", "test", None).env.model_copy(update={"warehouse": night.warehouse("s3")})
    spark = build_session(env, "reasonrec object store demo")
    both = [checksums(spark, night.warehouse(place), night.shop) for place in ("local", "s3")]
    spark.stop()
    differ, close = compare(*both)
    print(f"{len(both[0])} tables on disk, {len(both[1])} on S3")
    return differ, close, len(both[0]) - len(differ) - len(close)


def ask_both(night: Night, name: str, arguments: list[str]) -> bool:
    """Whether a command succeeds on both warehouses and, unless it prints times or places, prints the same."""
    user, product = night_user(night)
    values = {"shop": night.shop, "release": f"{night.end}-01", "user": user, "product": product}
    answers = []
    for place in ("local", "s3"):
        command = night.command(*[argument.format(**values) for argument in arguments])
        if name != "tables":
            command += ["--env", "test"]
        process = subprocess.run(command, env=night.environ(place), cwd=night.folder, capture_output=True, text=True)
        output = (process.stdout + process.stderr).replace(night.warehouse(place), "WAREHOUSE")
        answers.append((process.returncode, output))
    passed = all(status == 0 for status, _ in answers)
    if name in ("sql", "tables", "why"):
        passed = passed and answers[0] == answers[1]
    print(f"{'ok  ' if passed else 'MISS'} reasonrec {name}: {len(answers[1][1].splitlines())} lines", flush=True)
    if not passed:
        print("\n".join(f"{status}: {output[-2000:]}" for status, output in answers))
    return passed


def night_user(night: Night) -> tuple[str, str]:
    """The shop's id of a user with a list, and a product of that list."""
    from libs.privacy.keys import pseudonym
    from libs.query.ask import ask

    warehouse = night.warehouse("s3")
    lists = dict(ask(warehouse, "SELECT user_id, min(product_id) FROM current_recommendations GROUP BY 1").fetchall())
    for (user,) in ask(warehouse, "SELECT DISTINCT user_id FROM bronze.reviews ORDER BY 1").fetchall():
        if product := lists.get(pseudonym(user, KEY)):
            return user, product
    raise RuntimeError("no user has a list")


def left_behind(night: Night) -> list[str]:
    """Staged rows, checkpoints and folders that a run should have deleted."""
    local = [
        str(path) for path in (night.folder / "tmp_s3").glob("reasonrec-*") if path.name != f"reasonrec-{os.getuid()}"
    ]
    return [*local, *objects(f"{night.warehouse('s3')}/checkpoints")]


def leaked_secrets(night: Night) -> list[str]:
    """Files and objects that contain the secret key."""
    secret = night.variables["AWS_SECRET_ACCESS_KEY"].encode()
    leaks = [str(path) for path in night.folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
    store = filesystem(BUCKET_URI)[0]
    for path in objects(BUCKET_URI):
        with store.open_input_file(path) as stream:
            leaks += [path] if secret in stream.read() else []
    return leaks


def objects(uri: str) -> list[str]:
    """Paths of the objects below a URI, without the empty ones that Hadoop leaves for folders."""
    store, root = filesystem(uri)
    infos = store.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return [info.path for info in infos if info.type == fs.FileType.File and info.size]


if __name__ == "__main__":
    main()
