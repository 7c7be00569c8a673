"""Copies a rank's row groups of a snapshot to local disk: petastorm cannot read an object store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from libs.store import filesystem, is_store
from libs.training.reader import shards
from libs.training.spec import TrainingDataError

_BLOCK = 8 << 20  # bytes per fetch
_MAGIC = 4  # bytes before the first row group

Ranges = list[tuple[int, int]]


def stage(
    files: Sequence[str], rank: int, ranks: int, folder: Path, report_progress: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """URIs of local copies of files in an object store; files on a local disk are returned as they are.

    A local copy has the size, the footer and the row group offsets of its original but contains only the rank's row
    groups; the rest is a hole that takes no disk space. Row groups are assigned to ranks as petastorm shards them, so
    the rank reads the same rows in the same order as from a full copy.

    Args:
        folder: used by this rank only.
        report_progress: called for each block fetched.

    Raises:
        TrainingDataError: a file cannot be read or is truncated, or the disk is too small.
    """
    if not any(map(is_store, files)):
        return tuple(files)
    folder.mkdir(parents=True, exist_ok=True)
    footers = []
    for uri in files:
        with _opened(uri, folder) as source:
            footers.append(pq.ParquetFile(source).metadata)
    groups = [footer.num_row_groups if footer.num_rows else 0 for footer in footers]  # the reader skips empty files
    shard_count, staged = shards(sum(groups), ranks), []
    for number, (uri, footer) in enumerate(zip(files, footers, strict=True)):
        local, first = folder / f"{number:06d}.parquet", sum(groups[:number])
        with _opened(uri, folder) as source:
            size = source.size()
            spans = [_span(footer.row_group(group)) for group in range(groups[number])]
            shard = [span for group, span in enumerate(spans, first) if group % shard_count == rank % shard_count]
            tail = (max((stop for _, stop in spans), default=_MAGIC), size)  # page indexes and the footer
            _copy(source, local, size, [(0, _MAGIC), *shard, tail], report_progress)
        if (copied := pq.read_metadata(local)).num_rows != footer.num_rows or local.stat().st_size != size:
            raise TrainingDataError(
                f"{local}: {copied.num_rows} rows, {local.stat().st_size} bytes; {uri}: {footer.num_rows}, {size}"
            )
        staged.append(local.as_uri())
    return tuple(staged)


@contextmanager
def _opened(uri: str, folder: Path) -> Iterator[Any]:
    """Opens the file in the store; errors while it is read become TrainingDataErrors that name the file or the disk."""
    store, path = filesystem(uri)
    try:
        with store.open_input_file(path) as source:
            yield source
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):  # another rank may have filled the disk
            raise TrainingDataError(f"{folder}: {os.strerror(error.errno)}; make room, or set TMPDIR") from error
        raise TrainingDataError(f"{uri}: not readable as Parquet ({error})") from error


def _span(group: Any) -> tuple[int, int]:
    """[start, stop) of a row group's bytes in its file."""
    starts, stops = [], []
    for place in range(group.num_columns):
        column = group.column(place)
        # A dictionary page, if there is one, comes before the data pages.
        begin = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
        starts.append(begin)
        stops.append(begin + column.total_compressed_size)
    return min(starts), max(stops)


def _copy(source: Any, local: Path, size: int, ranges: Ranges, report_progress: Callable[[], None]) -> None:
    needed, free = sum(stop - start for start, stop in ranges), shutil.disk_usage(local.parent).free
    if needed > free:
        raise TrainingDataError(
            f"{local.parent}: {free} bytes are free, {needed} are needed for training rows; make room, or set TMPDIR"
        )
    with local.open("wb") as sink:
        sink.truncate(size)
        for start, stop in ranges:
            sink.seek(start)
            while start < stop:
                block = source.read_at(min(_BLOCK, stop - start), start)
                if not block:
                    raise TrainingDataError(f"{local}: the file in the store ends at {start}, its footer says {stop}")
                sink.write(block)
                start += len(block)
                report_progress()
