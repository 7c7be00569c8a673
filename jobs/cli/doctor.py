"""Checks everything that a run needs; each finding says what to fix."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlparse

from libs import conf as configuration
from libs.conf import EnvConf
from libs.errors import OperatorError
from libs.privacy.keys import VARIABLE, key_file
from libs.store import filesystem, is_store


@dataclass(frozen=True)
class Finding:
    what: str
    good: bool
    message: str


def examine(root: Path, env: str) -> list[Finding]:
    """Checks the machine, conf with every shop, the warehouse and the key; reports every fault, not only the first."""
    findings = [
        _python(),
        _java(),
        _module("horovod.tensorflow", "horovod"),
        _module("petastorm", "petastorm"),
        _jars(),
    ]
    settings = None
    try:
        settings = configuration.load(root, env, None).env
        findings += [Finding(f"conf/{env}.yaml", True, "valid"), _warehouse(settings), _key(settings)]
    except OperatorError as error:
        findings.append(Finding(f"conf/{env}.yaml", False, str(error)))
    runs = all(finding.good for finding in findings)
    for shop in configuration.shops(root):
        findings += _shop_findings(root, shop, settings if runs else None)
    return findings


def _shop_findings(root: Path, shop: str, settings: EnvConf | None) -> list[Finding]:
    """What is wrong with a shop's file and, where its deliveries are here and Spark runs, with what it maps."""
    from jobs.cli.shop_check import check_shop, has_files, session

    what = f"conf/shops/{shop}.yaml"
    try:
        faults = configuration.shop_faults(root, shop)
        if settings is None or not has_files(root, shop):
            unseen = "" if settings is None else "; none of its files is here, so they were not checked"
            return [Finding(what, False, fault) for fault in faults] or [
                Finding(what, True, _shop(root, shop) + unseen)
            ]
        report = check_shop(partial(session, settings), root, shop)
    except OperatorError as error:
        return [Finding(what, False, str(error))]
    if report.mistakes:
        return [Finding(what, False, text.removeprefix(f"{what}: ")) for text in report.mistakes]
    rows = ", ".join(f"{source.name} {source.counts['rows']:,} rows" for source in report.sources)
    warnings = "".join(f"; warning: {text.removeprefix(f'{what}: ')}" for text in report.warnings)
    return [Finding(what, True, f"valid, time zone {configuration.load_shop(root, shop).timezone}; {rows}{warnings}")]


def _shop(root: Path, shop: str) -> str:
    conf = configuration.load_shop(root, shop)
    titled = any(source.kind == "products" and "title" in source.columns for source in conf.sources.values())
    warning = "" if titled else "; warning: no source of products maps a title, sentences will say “an item you ...”"
    return f"valid, time zone {conf.timezone}{warning}"


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info[:2] == (3, 11), f"{version} (3.11 is needed)")


def _java() -> Finding:
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else shutil.which("java")
    if not java or not Path(java).exists():
        return Finding("Java", False, "not found; install a Java 17 runtime, or set JAVA_HOME")
    lines = subprocess.run([str(java), "-version"], capture_output=True, text=True).stderr.splitlines()
    return Finding(
        "Java", bool(lines) and any(f'"{v}.' in lines[0] for v in (17, 21)), lines[0] if lines else "no answer"
    )


def _module(name: str, package: str) -> Finding:
    there = importlib.util.find_spec(name.split(".")[0]) is not None
    return Finding(package, there, "installed" if there else "missing; run `make setup`")


def _jars() -> Finding:
    from libs.spark.session import jar_cache

    jars = sorted(jar.name for jar in jar_cache().glob("*.jar"))
    return Finding(
        "Delta jars", bool(jars), ", ".join(jars) or "none in the cache; `make setup`, or --packages on a cluster"
    )


def _warehouse(env: EnvConf) -> Finding:
    place = urlparse(env.warehouse)
    if is_store(env.warehouse):
        return _store(env.warehouse)
    if place.scheme != "file":
        return Finding("warehouse", True, f"{env.warehouse} (not checked: it is not local)")
    nearest = Path(place.path)
    while not nearest.exists():
        nearest = nearest.parent
    return Finding(
        "warehouse",
        os.access(nearest, os.W_OK),
        f"{env.warehouse}" + ("" if os.access(nearest, os.W_OK) else " cannot be written"),
    )


def _store(warehouse: str) -> Finding:
    """Whether the store answers. Whether writing and deleting are allowed only shows in a run."""
    from libs.spark.errors import storage_fault
    from libs.spark.session import object_store_jars

    try:
        store, path = filesystem(warehouse)
        store.get_file_info(path)
    except OSError as error:
        return Finding("warehouse", False, f"{warehouse}: {storage_fault(error) or error}")
    if warehouse.startswith("s3") and not object_store_jars():
        return Finding("warehouse", False, f"{warehouse} answers; Spark needs `make object-store`, or --packages")
    return Finding("warehouse", True, f"{warehouse} answers")


def _key(env: EnvConf) -> Finding:
    if VARIABLE in os.environ:
        return Finding("pseudonym key", True, f"from {VARIABLE}")
    if env.pseudonym_key == "file" and not is_store(env.warehouse):
        path = key_file(env.warehouse)
        return Finding("pseudonym key", True, f"{path}" + ("" if path.exists() else " (made by the first run)"))
    return Finding("pseudonym key", False, f"{VARIABLE} is not set; set it to 64 hex digits")
