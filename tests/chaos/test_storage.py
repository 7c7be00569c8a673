"""Failing disks and files: exit status 2, one line that names the file, the old release readable, a rerun repairs all."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.run import main
from libs.spark import delta
from tests.chaos.conftest import KEY, MONDAY, NIGHT, TUESDAY, Shop

OLD, NEW = f"{MONDAY}-01", f"{TUESDAY}-01"


@pytest.fixture
def on_a_disk_of_its_own(shop: Shop, tmp_path: Path) -> Iterator[Shop]:
    """The shop with its warehouse on a file system of 24 MB that a test may fill or make read-only."""
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a file system of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    try:
        subprocess.run(["cp", "-r", f"{shop.warehouse}/.", str(disk / "wh")], check=True)
        yield Shop(shop.spark, shop.root, disk / "wh")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must end with exit status 2 and keep the old release; returns its one error line."""

    def run(shop: Shop, group: str) -> str:
        for name, value in (("CONF", shop.root), ("WAREHOUSE", shop.warehouse), ("KEY", KEY)):
            monkeypatch.setenv(f"REASONREC_{name}", str(value))
        shop.clear_log_cache()
        with pytest.raises(SystemExit) as end:
            main(["run", group, "--shop", "corner", "--env", "test", *NIGHT])
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reasonrec: ")]
        assert (end.value.code, len(errors)) == (2, 1), errors
        assert shop.release() == OLD
        return errors[0]

    return run


@contextmanager
def damaged(path: Path, content: bytes) -> Iterator[Path]:
    """Replaces the content of a file, without its checksum file, inside the block."""
    original = path.read_bytes()
    path.write_bytes(content)
    crc = path.with_name(f".{path.name}.crc")
    original_crc = crc.read_bytes() if crc.exists() else None
    crc.unlink(missing_ok=True)
    try:
        yield path
    finally:
        path.write_bytes(original)
        if original_crc is not None:
            crc.write_bytes(original_crc)


@pytest.mark.fault(
    "a full disk",
    "a read-only warehouse",
    "a source file that shrinks while it is read",
    "a truncated Parquet file",
    "a broken Delta log entry",
)
def test_each_is_named_and_a_rerun_mends_all(
    on_a_disk_of_its_own: Shop,
    refused: Callable[..., str],
    equal: Callable[[Shop], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = on_a_disk_of_its_own
    disk = shop.warehouse.parent

    fill(disk / "filler")
    line = refused(shop, "ingest")
    assert "No space left on device" in line and str(shop.warehouse / "bronze") in line
    (disk / "filler").unlink()

    subprocess.run(["mount", "--bind", "-o", "ro", str(shop.warehouse), str(shop.warehouse)], check=True)
    try:
        line = refused(shop, "ingest")
    finally:
        subprocess.run(["umount", "--lazy", str(shop.warehouse)], check=True)
    assert str(shop.warehouse / "bronze") in line

    source = shop.root.parent / "reviews.jsonl.gz"
    reviews = gzip.decompress(source.read_bytes()).splitlines(keepends=True)
    with monkeypatch.context() as patch, damaged(source, source.read_bytes()):
        patch.setattr(delta, "write", shrinking(source, gzip.compress(b"".join(reviews[:100]))))
        line = refused(shop, "ingest.bronze")
    assert source.name in line and "changed while it was read" in line

    shop.run(TUESDAY, start=MONDAY, job="ingest")
    events = shop.warehouse / "silver" / "events"
    largest = max(events.rglob("part-*.parquet"), key=lambda file: file.stat().st_size)
    with damaged(largest, largest.read_bytes()[: largest.stat().st_size // 2]):
        assert largest.name in refused(shop, "features")
    entry = sorted((events / "_delta_log").glob("*.json"))[-1]
    with damaged(entry, entry.read_bytes()[: entry.stat().st_size // 2]):
        assert str(events) in refused(shop, "features")

    shop.clear_log_cache()
    shop.run(TUESDAY, start=MONDAY)
    assert shop.release() == NEW
    equal(shop)


def fill(path: Path) -> None:
    """Fills a disk except for a few kilobytes."""
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        os.truncate(path, path.stat().st_size - 8192)


def shrinking(source: Path, content: bytes) -> Callable[..., tuple[int, int]]:
    """delta.write that first replaces the source file with shorter content."""
    real = delta.write

    def write(*args: object, **kwargs: object) -> tuple[int, int]:
        source.write_bytes(content)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    return write
