import numpy as np
import pytest

from libs.errors import ModelFileError
from libs.registry.weights import load_arrays, model_uri, save_arrays


@pytest.fixture
def uri(tmp_path):
    return model_uri((tmp_path / "a warehouse").as_uri() + "/", "tiny", "als", "als-2020-01-06-abc")


def test_arrays_and_description_come_back_as_saved(uri):
    arrays = {"items": np.arange(6, dtype=np.float32).reshape(3, 2), "ids": np.array([1, 2])}
    checksum = save_arrays(uri, arrays, {"alpha": 0.5})
    found, about = load_arrays(uri, checksum)
    assert about == {"alpha": 0.5}
    assert {k: (v.dtype, v.tolist()) for k, v in found.items()} == {k: (v.dtype, v.tolist()) for k, v in arrays.items()}


def test_equal_arrays_have_equal_checksums_and_saving_again_replaces(uri):
    first = save_arrays(uri, {"a": np.zeros(2), "b": np.ones(2)}, {})
    assert save_arrays(uri, {"b": np.ones(2), "a": np.zeros(2)}, {}) == first
    assert save_arrays(uri, {"a": np.ones(2)}, {}) != first


def test_a_plain_path_is_a_place_too(tmp_path):
    checksum = save_arrays(str(tmp_path / "m"), {"a": np.ones(1)}, None)
    assert load_arrays(str(tmp_path / "m"), checksum)[0]["a"].tolist() == [1.0]


def test_swapped_or_missing_files_are_named(uri, tmp_path):
    checksum = save_arrays(uri, {"a": np.ones(1)}, None)
    with pytest.raises(ModelFileError, match="als-2020-01-06-abc: checksum"):
        load_arrays(uri, "0" * 64)
    damaged = next((tmp_path / "a warehouse").rglob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"differs from that of training\.models"):
        load_arrays(uri, checksum)
    with pytest.raises(ModelFileError, match="nowhere: no such model folder"):
        load_arrays((tmp_path / "nowhere").as_uri(), checksum)
