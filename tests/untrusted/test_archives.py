"""Archives and arrays hold what they declare, or are not read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fuzz_bombs import archive, forged, npy

from splatseg.errors import MaskError
from splatseg.untrusted.archives import check_zip, read_npy, read_npz
from splatseg.untrusted.memory import Guard

HUGE = archive(("a.npy", npy("(1099511627776,)", "<i4")))


def written(path: Path, content: bytes) -> tuple[Path, Guard]:
    path.write_bytes(content)
    return path, Guard.of(path, MaskError)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (forged(HUGE, "<H", 6, 8, 1), "a.npy is encrypted"),
        (forged(HUGE, "<H", 8, 10, 99), r"a.npy is compressed by an unknown method \(99\)"),
        (archive(("a.npy", b"x" * 999), how=zipfile.ZIP_LZMA), r"unknown method \(14\)"),
        (forged(HUGE, "<H", 4, 6, 99), "no whole ZIP archive .*version"),
        (forged(HUGE, "<I", 22, 24, 2**32 - 2), "a.npy declares 4,294,967,294 bytes, more than the file can hold"),
        (archive(*((f"{i}", b"") for i in range(5000))), "5000 members"),
        (b"PK\3\4", "no whole ZIP archive"),
        (b"", "no whole ZIP archive"),
    ],
)
def test_an_archive_that_cannot_be_what_it_says_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_zip(*written(tmp_path / "a.npz", content))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two members named a"):
        check_zip(*written(tmp_path / "a.npz", archive(("a", b"1"), ("a", b"2"))))


@pytest.mark.parametrize(
    "array",
    [
        npy("(1099511627776,)", "<i4"),
        npy("(-1, -5)"),
        npy("(0, 9223372036854775807)"),
        npy("(9,)", "|V2147483647"),
        npy("(3,)", "|O", b"abcdefghijklmnopqrstuvwxyz"),
        npy("(" * 500 + ")" * 500),
        npy("'a"),
        npy("(3,)", "|u1", b"ab"),
    ],
)
def test_an_array_of_an_impossible_shape_is_not_made(tmp_path: Path, array: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_npy(*written(tmp_path / "a.npy", array))
    with pytest.raises(ValueError, match=r"."):
        read_npz(*written(tmp_path / "a.npz", archive(("a.npy", array))))


def test_arrays_come_back_and_only_those_asked_for(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(6).reshape(2, 3), b=np.zeros(0), c=np.array("text"))
    path, guard = written(tmp_path / "a.npz", buffer.getvalue())
    found = read_npz(path, guard)
    assert list(found) == ["a", "b", "c"] and str(found["c"]) == "text"
    np.testing.assert_array_equal(found["a"], np.arange(6).reshape(2, 3))
    assert list(read_npz(path, guard, ("b", "d"))) == ["b"]


def test_arrays_that_expand_beyond_the_budget_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", "2M")
    content = archive(("a.npy", npy("(3000, 1000)", body=bytes(3_000_000))), how=zipfile.ZIP_DEFLATED)
    with pytest.raises(MaskError, match=r"a\.npz declares 3,000,\d+ bytes in 1 members, which would take 3 MiB"):
        read_npz(*written(tmp_path / "a.npz", content))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_text_of_characters_that_do_not_exist_is_refused(tmp_path: Path, order: str) -> None:
    path = tmp_path / "names.npy"
    np.save(path, np.array(["mug", "book"], dtype=f"{order}U4"))
    assert read_npy(path, Guard.of(path, MaskError)).tolist() == ["mug", "book"]
    path.write_bytes(path.read_bytes()[:-4] + b"\x7f\xff\xff\x7f")
    with pytest.raises(ValueError, match="characters that do not exist"):
        read_npy(path, Guard.of(path, MaskError))
