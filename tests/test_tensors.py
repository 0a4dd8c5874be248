"""One file format for arrays: any reader of safetensors reads it, and nothing in a file surprises its reader."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

from splatseg.errors import RunError
from splatseg.tensors import load_tensors, map_tensors, read_tensors, stream_tensors, write_tensors
from splatseg.untrusted.documents import reason_of

FORMAT = "splatseg red apples 1"
TENSORS = {
    "small": np.arange(5, dtype=np.uint8),
    "whole": np.array([[1, -2, 3]], dtype=np.int32),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "one": np.array(3.5),
    "none": np.zeros((4, 0), dtype=np.int64),
}


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return read_tensors(path, FORMAT, "pick some more", lambda tensors, facts: (tensors, facts))


@pytest.mark.parametrize("facts", [{}, {"where": 'ä "tree"\n'}, {"where": "tree", "count": 3, "names": {"1": ["é"]}}])
@pytest.mark.parametrize("spaced", [False, True])
def test_arrays_and_facts_come_back_as_they_were(tmp_path: Path, facts: dict[str, Any], spaced: bool) -> None:
    path = tmp_path / "new" / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS, facts, spaced)
    tensors, known = read(path)
    assert known == {"format": FORMAT, **facts}
    for found in (tensors, load_file(path)):
        assert found.keys() == TENSORS.keys()
        for name, array in TENSORS.items():
            np.testing.assert_array_equal(found[name], array, strict=True)


def test_what_the_library_writes_has_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    for tensors in ({"ids": np.arange(7, dtype=np.int32)}, {"b": np.ones(3, np.float32), "a": np.ones(2, np.int32)}):
        write_tensors(path, FORMAT, tensors)
        assert path.read_bytes() == save(tensors, {"format": FORMAT})
        write_tensors(path, FORMAT, tensors, {"é": [1, "é"]})
        assert path.read_bytes() == save(tensors, {"facts": json.dumps({"format": FORMAT, "é": [1, "é"]})})
        write_tensors(path, None, tensors)
        assert path.read_bytes() == save(tensors)


def test_every_array_starts_at_a_multiple_of_its_items_size(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    for name, array in TENSORS.items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0


def test_a_file_of_another_format_says_what_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    for metadata in (None, {"format": "splatseg red apples 2"}, {"facts": '{"format": "pears"}'}):
        save_file({"ids": np.zeros(3)}, path, metadata)
        with pytest.raises(RunError, match=r"holds no red apples of this version of splatseg; pick some more"):
            read(path)


def _file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _tensor(kind: str, shape: list[float], end: int) -> dict[str, object]:
    return {"__metadata__": {"format": FORMAT}, "ids": {"dtype": kind, "shape": shape, "data_offsets": [0, end]}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        (10**15).to_bytes(8, "little") + b"{}",
        _file({}),
        _file(b'{"a":' * 100_000),
        _file(_tensor("F32", [2**40], 0)),
        _file(_tensor("F32", [2**62, 2**62, 0], 0)),
        _file(_tensor("F32", [1e999], 0)),
        _file(_tensor("F32", [-1], 4), bytes(4)),
        _file(_tensor("F32", [1] * 70, 4), bytes(4)),
        _file(_tensor("BF16", [2], 4), bytes(4)),
        _file(_tensor("F8_E4M3", [2], 2), bytes(2)),
    ],
)
def test_a_hostile_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "apples.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"apples\.safetensors cannot be read \(.+\); pick some more"):
        read(path)


@pytest.mark.parametrize("facts", ["[" * 100_000, "{", '"a"', "[1]", '{"format": NaN'])
def test_hostile_facts_are_one_sentence(tmp_path: Path, facts: str) -> None:
    path = tmp_path / "apples.safetensors"
    save_file({"ids": np.zeros(3)}, path, {"facts": facts})
    with pytest.raises(RunError, match=r"cannot be read \(.+\); pick some more"):
        read(path)


@pytest.mark.parametrize("count", ["1e999", "NaN", '"three"', "null", "[3]"])
def test_a_fact_that_the_reader_cannot_use_is_damage(tmp_path: Path, count: str) -> None:
    path = tmp_path / "apples.safetensors"
    save_file({"ids": np.zeros(3)}, path, {"facts": f'{{"format": "{FORMAT}", "count": {count}}}'})
    with pytest.raises(RunError, match=r"is rotten \(.+\); pick some more"):
        read_tensors(path, FORMAT, "pick some more", lambda tensors, facts: int(facts["count"]), damaged="is rotten")


def test_an_array_or_a_fact_that_is_missing_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS)
    with pytest.raises(RunError, match=r"cannot be read \('seeds'\)"):
        read_tensors(path, FORMAT, "pick some more", lambda tensors, facts: tensors["seeds"])
    with pytest.raises(RunError, match=r"cannot be read \('seeds'\)"):
        read_tensors(path, FORMAT, "pick some more", lambda tensors, facts: facts["seeds"])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be read \(.+\); pick some more"):
        read(tmp_path / "apples.safetensors")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_bytes_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    write_tensors(path, FORMAT, TENSORS, {"count": 3})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(RunError):
        read(path)


def test_a_reading_leaves_no_file_open_and_its_arrays_can_be_written_to(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS)
    tensors, _ = load_tensors(path)
    path.unlink()
    tensors["whole"][0, 0] = 7
    assert tensors["whole"].tolist() == [[7, -2, 3]]


def test_what_is_read_by_the_library_says_its_format(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS)
    with safe_open(str(path), framework="numpy") as file:
        assert file.metadata() == {"format": FORMAT}


def test_an_error_without_words_is_called_by_its_kind() -> None:
    assert reason_of(MemoryError()) == "MemoryError" and reason_of(ValueError("two\nlines")) == "two lines"


@pytest.mark.parametrize("seed", range(10))
def test_arrays_written_in_pieces_give_the_same_bytes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    write_tensors(tmp_path / "whole", FORMAT, TENSORS, {"where": "tree"}, spaced=seed % 2 == 0)
    shapes = {name: (array.dtype, array.shape) for name, array in TENSORS.items()}
    left = {name: np.asarray(array, order="C").reshape(-1) for name, array in TENSORS.items()}
    with stream_tensors(tmp_path / "pieces", FORMAT, shapes, {"where": "tree"}, spaced=seed % 2 == 0) as sinks:
        while names := [name for name, values in left.items() if len(values)]:
            name = names[rng.integers(len(names))]
            count = int(rng.integers(len(left[name]) + 1))
            sinks[name].write(left[name][:count])
            left[name] = left[name][count:]
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("facts", [{}, {"where": "tree", "count": 3}])
def test_arrays_are_looked_at_in_their_file(tmp_path: Path, facts: dict[str, Any]) -> None:
    path = tmp_path / "apples.safetensors"
    write_tensors(path, FORMAT, TENSORS, facts)
    before = path.read_bytes()
    arrays, known = map_tensors(path, FORMAT, "pick some more")
    assert known == {"format": FORMAT, **facts} and arrays.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
        arrays[name][...] = 0
    assert path.read_bytes() == before, "what is written into them stays in the process"
    with pytest.raises(RunError, match="holds no green pears of this version of splatseg; pick some more"):
        map_tensors(path, "splatseg green pears 1", "pick some more")
    path.write_bytes(before[:-1])
    with pytest.raises(RunError, match=r"apples.safetensors cannot be read .*; pick some more"):
        map_tensors(path, FORMAT, "pick some more")


def test_an_array_with_too_few_or_too_many_values_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "apples.safetensors"
    shapes = {"ids": (np.int32, (3,))}
    with pytest.raises(ValueError, match="ids lack values"), stream_tensors(path, FORMAT, shapes) as sinks:
        sinks["ids"].write(np.zeros(2))
    with pytest.raises(ValueError, match="more values"), stream_tensors(path, FORMAT, shapes) as sinks:
        sinks["ids"].write(np.zeros(4))
    assert not any(tmp_path.iterdir())
