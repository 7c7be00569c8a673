"""Weights, checkpoints, training rows and questions on S3, without Spark."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import fs

from libs.errors import ModelFileError, OperatorError
from libs.query.ask import ask, connect
from libs.registry.weights import load_arrays, model_uri, remove_folder, save_arrays, sweep_checkpoints, sweep_models
from libs.store import filesystem, storage_options
from libs.tables import table
from libs.training.checkpoint import Checkpoint, load_latest, save_checkpoint
from libs.training.loop import train
from libs.training.reader import local_path
from tests.libs.training.test_loop import fit_spec


def keys(uri: str) -> list[str]:
    store, path = filesystem(uri)
    found = store.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(one.path.removeprefix(f"{path}/") for one in found if one.type == fs.FileType.File)


def put(uri: str, data: bytes) -> None:
    store, path = filesystem(uri)
    with store.open_output_stream(path) as stream:
        stream.write(data)


def test_a_model_comes_back_and_is_told_from_a_damaged_one(s3: str) -> None:
    uri = model_uri(f"{s3}/weights", "tiny", "als", "als-2020-01-06-abc")
    checksum = save_arrays(uri, {"items": np.arange(6, dtype=np.float32)}, {"alpha": 0.5})
    assert load_arrays(uri, checksum)[0]["items"].tolist() == [0, 1, 2, 3, 4, 5]
    put(f"{uri}/serving.safetensors", b"cut off")
    with pytest.raises(ModelFileError, match=r"als-2020-01-06-abc: checksum .* differs"):
        load_arrays(uri, checksum)
    with pytest.raises(ModelFileError, match="no such model folder"):
        load_arrays(f"{s3}/weights/nowhere", checksum)


def test_what_no_row_names_is_swept_and_what_is_young_is_left(s3: str) -> None:
    warehouse = f"{s3}/swept"
    for version in ("old", "kept"):
        save_arrays(model_uri(warehouse, "tiny", "als", version), {"items": np.ones(1)}, {})
    assert sweep_models(warehouse, "tiny", ["kept"], older_than_s=3600) == []
    assert sweep_models(warehouse, "tiny", ["kept"]) == ["old"]
    assert {key.split("/")[3] for key in keys(warehouse)} == {"kept"}
    put(f"{warehouse}/checkpoints/tiny/als-1/rdd/part-0", b"x")
    put(f"{warehouse}/checkpoints/other/als-1/rdd/part-0", b"x")
    assert sweep_checkpoints(warehouse, "tiny", 3600) == []
    assert sweep_checkpoints(warehouse, "tiny", 0) == ["als-1"]
    remove_folder(f"{warehouse}/checkpoints/tiny")  # nothing is there any more
    assert [key for key in keys(warehouse) if "checkpoints" in key] == ["checkpoints/other/als-1/rdd/part-0"]


def test_a_checkpoint_without_its_description_is_none_and_two_are_kept(s3: str) -> None:
    uri = f"{s3}/fits/tiny/two_tower-1"
    for epoch in (1, 2, 3):
        save_checkpoint(uri, Checkpoint(epoch, [0.5] * epoch, {"0000": np.full(3, epoch, np.float32)}, "mine"))
    assert {key.split("/")[0] for key in keys(uri)} == {"epoch-0002", "epoch-0003"}
    put(f"{uri}/epoch-0004/variables.safetensors", b"killed before the description")
    found = load_latest(uri, "mine")
    assert found is not None
    assert (found.epoch, found.losses, found.state["0000"].tolist()) == (3, [0.5] * 3, [3, 3, 3])
    assert load_latest(f"{s3}/fits/tiny/nothing", "mine") is None


def test_a_fit_on_the_store_equals_the_one_on_the_local_disk_and_resumes(s3: str, tmp_path: Path) -> None:
    local = fit_spec(tmp_path, "local")
    whole = train(local)
    files = []
    for number, uri in enumerate(local.files):
        files.append(f"{s3}/rows/cutoff=2020-01-06/part%20{number}.parquet")
        put(files[-1], Path(local_path(uri)).read_bytes())
    far = replace(local, files=tuple(files), checkpoints=f"{s3}/fit", output=str(tmp_path / "far"))
    cut = train(replace(far, stop_after_epoch=2))
    assert cut["model"] is None
    resumed = train(replace(far, output=str(tmp_path / "another machine")))
    assert resumed["losses"] == whole["losses"]
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert not list(tmp_path.rglob("rows-*"))


@pytest.fixture(scope="module")
def asked(s3: str) -> str:
    """A warehouse with one pin, and a neighbour's whose name begins alike."""
    found = table("results.pins")
    names = ", ".join(f'"{name}"' for name in found.column_names)
    rows = "(VALUES ('tiny', 1::INT, '2020-01-06-01', 'odd prices', TIMESTAMPTZ '2020-01-07 00:00:00Z'))"
    pins = pa.table(
        duckdb.sql(f"SELECT {names} FROM {rows} AS t(shop, seq, release_id, reason, pinned_at)").to_arrow_table()
    )
    for warehouse in (f"{s3}/asked", f"{s3}/asked-not"):
        options = storage_options() | {"AWS_S3_ALLOW_UNSAFE_RENAME": "true"}  # the test is alone
        write_deltalake(f"{warehouse}/results/pins", pins, partition_by=["shop"], storage_options=options)
    put(f"{s3}/asked-not/secret.csv", b"secret\n1\n")
    return f"{s3}/asked"


def test_a_question_is_answered_from_the_store(asked: str) -> None:
    assert ask(asked, "SELECT shop, reason FROM results.pins WHERE seq = ?", [1]).fetchall() == [("tiny", "odd prices")]
    assert ask(asked, "SELECT count(*) FROM results.releases").fetchall() == [(0,)]  # never written


def test_a_question_reads_the_newest_versions_and_no_other_file(asked: str, s3: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    outside = [
        f"{asked}-not/secret.csv",
        f"{asked}/../asked-not/secret.csv",
        f"{s3}/asked-not/secret.csv".replace("s3a:", "s3:"),
        f"{tmp_path}/secret.csv",
        f"{asked}/results/pins/_delta_log/00000000000000000000.json",
        "/etc/passwd",
    ]
    for path in outside:
        for question in (f"SELECT * FROM read_text('{path}')", f"SELECT * FROM read_csv('{path}')"):
            try:
                assert ask(asked, f"{question}, results.pins").fetchall() == []
            except OperatorError as error:
                assert "Permission Error" in str(error) or "No files found" in str(error), error
    assert ask(asked, f"SELECT * FROM glob('{asked}/**'), results.pins").fetchall() == []


def test_a_question_cannot_write_into_the_store(asked: str, s3: str) -> None:
    def state() -> str:
        return hashlib.sha256(repr(keys(s3)).encode()).hexdigest()

    before = state()
    with pytest.raises(OperatorError, match="only SELECT"):
        ask(asked, f"COPY (SELECT 1) TO '{asked}/new.csv'")
    with pytest.raises(duckdb.Error):
        connect(asked, "SELECT 1 FROM results.pins").execute(f"COPY (SELECT 1) TO '{asked}/new.csv'")
    assert state() == before
