"""The PLY codec: what is written is read back exactly, in every encoding; strangers' files are taken as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splatseg.errors import SplatFileError
from splatseg.formats.ply.columns import REQUIRED
from splatseg.formats.ply.header import TYPE_NAMES, read_header
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.splats import Splats, splats_of

TENSORS = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features", "segment_ids")
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def some_splats(count: int, degree: int = 3, features: int | None = 4, seed: int = 0) -> Splats:
    rng = np.random.default_rng(seed)

    def tensor(*shape: int) -> torch.Tensor:
        return torch.tensor(rng.normal(size=shape), dtype=torch.float32)

    return Splats(
        means=tensor(count, 3),
        quats=tensor(count, 4),
        log_scales=tensor(count, 3),
        opacity_logits=tensor(count),
        sh0=tensor(count, 3),
        shN=tensor(count, (degree + 1) ** 2 - 1, 3),
        features=None if features is None else tensor(count, features),
        segment_ids=None if features is None else torch.tensor(rng.integers(0, 2**31 - 1, count), dtype=torch.int32),
    )


@st.composite
def any_splats(draw: st.DrawFn) -> Splats:
    """Any values, also NaN and infinite, of any degree, with or without features and properties of our own."""
    count = draw(st.integers(0, 5))
    splats = some_splats(count, draw(st.integers(0, 3)), draw(st.one_of(st.none(), st.integers(1, 20))))
    means = torch.from_numpy(draw(arrays(np.float32, (count, 3), elements=FLOATS)))
    kinds = draw(st.lists(st.sampled_from(sorted(TYPE_NAMES)), max_size=4))
    extras = {f"extra_{i}_{kind}": draw(arrays(np.dtype(kind), count)) for i, kind in enumerate(kinds)}
    return Splats(**{name: getattr(splats, name) for name in TENSORS} | {"means": means}, extras=extras)


def assert_same(a: Splats, b: Splats) -> None:
    for name in TENSORS:
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left.numpy(), right.numpy(), err_msg=name)
    assert list(a.extras) == list(b.extras)
    for name, values in a.extras.items():
        assert values.dtype == b.extras[name].dtype, name
        np.testing.assert_array_equal(values, b.extras[name], err_msg=name)


def rewritten(path: Path, encoding: str, newline: str = "\n") -> Path:
    """The same file in another encoding, by means that share nothing with the codec under test."""
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode().splitlines()
    kinds = {name: kind for kind, name in TYPE_NAMES.items()}
    fields = [line.split() for line in lines if line.startswith("property")]
    rows = np.frombuffer(body, np.dtype([(name, "<" + kinds[kind]) for _, kind, name in fields]))
    lines[1] = f"format {encoding} 1.0"
    if encoding == "ascii":
        out = newline.join(" ".join(repr(value.item()) for value in row) for row in rows).encode()
    else:
        out = rows.astype(rows.dtype.newbyteorder(">" if "big" in encoding else "<")).tobytes()
    there = path.with_name(f"{encoding}.ply")
    there.write_bytes((newline.join([*lines, "end_header"]) + newline).encode() + out)
    return there


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ply")


@settings(max_examples=60, deadline=None)
@given(splats=any_splats(), newline=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_comes_back_exactly_in_every_encoding(folder: Path, splats: Splats, newline: str) -> None:
    path = folder / "splat.ply"
    write_ply(path, splats, comments=["trained by a test", "two\nlines"])
    assert read_header(path).comments == ("trained by a test", "two", "lines")
    assert_same(splats, splats_of(read_ply(path)))
    for encoding in ("ascii", "binary_big_endian", "binary_little_endian"):
        assert_same(splats, splats_of(read_ply(rewritten(path, encoding, newline))))


def test_blocks_of_rows_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splatseg.formats.ply.writing.ROWS_AT_ONCE", 7)
    splats = some_splats(50)
    write_ply(tmp_path / "a.ply", splats)
    monkeypatch.undo()
    assert_same(splats, splats_of(read_ply(tmp_path / "a.ply")))


def test_the_order_is_inrias_then_features_then_ids_then_the_unknown(tmp_path: Path) -> None:
    splats = some_splats(2, degree=1, features=2)
    extras = {"confidence": np.zeros(2)}
    write_ply(tmp_path / "a.ply", Splats(**{name: getattr(splats, name) for name in TENSORS}, extras=extras))
    (vertex,) = read_header(tmp_path / "a.ply").elements
    rest = [f"f_rest_{i}" for i in range(9)]
    start = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity"]
    end = ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "f_seg_0", "f_seg_1", "segment_id"]
    assert list(vertex.names) == [*start, *end, "confidence"]


def write_raw(path: Path, names: list[str], rows: np.ndarray, elements: str = "", kind: str = "float") -> Path:
    """A little-endian file with these columns, `elements` declared before the vertices."""
    head = f"ply\nformat binary_little_endian 1.0\n{elements}element vertex {len(rows)}\n"
    head += "".join(f"property {kind} {name}\n" for name in names) + "end_header\n"
    path.write_bytes(head.encode() + rows.astype("<f8" if kind == "double" else "<f4").tobytes())
    return path


def test_red_comes_before_green_before_blue_in_f_rest(tmp_path: Path) -> None:
    names = [*REQUIRED, *(f"f_rest_{i}" for i in range(9))]
    rows = np.arange(len(names), dtype=np.float32)[None]
    shN = splats_of(read_ply(write_raw(tmp_path / "a.ply", names, rows))).shN
    first = len(REQUIRED)
    assert shN[0].T.flatten().tolist() == list(range(first, first + 9))


def test_properties_are_found_by_name_in_any_order_and_type(tmp_path: Path) -> None:
    names = list(reversed(REQUIRED))
    rows = np.random.default_rng(0).normal(size=(3, len(names)))
    splats = splats_of(read_ply(write_raw(tmp_path / "a.ply", names, rows, kind="double")))
    np.testing.assert_array_equal(splats.means.numpy(), rows[:, [-1, -2, -3]].astype(np.float32))
    assert splats.sh_degree == 0 and splats.features is None and splats.segment_ids is None and not splats.extras


def test_doubles_beyond_float32_become_infinite_without_a_warning(tmp_path: Path) -> None:
    rows = np.full((1, len(REQUIRED)), 1e300)
    assert splats_of(read_ply(write_raw(tmp_path / "a.ply", list(REQUIRED), rows, kind="double"))).means.isinf().all()


def test_features_of_gaussian_grouping_are_read_and_ours_come_first(tmp_path: Path) -> None:
    names = [*REQUIRED, "obj_dc_0", "obj_dc_1"]
    rows = np.random.default_rng(0).normal(size=(3, len(names)))
    splats = splats_of(read_ply(write_raw(tmp_path / "a.ply", names, rows)))
    assert splats.features is not None
    np.testing.assert_array_equal(splats.features.numpy(), rows[:, -2:].astype(np.float32))
    names = [*REQUIRED, "obj_dc_0", "f_seg_0"]
    splats = splats_of(read_ply(write_raw(tmp_path / "b.ply", names, rows)))
    assert splats.features is not None and splats.features.shape == (3, 1) and list(splats.extras) == ["obj_dc_0"]


def test_degree_4_is_cut_to_degree_3_and_said(tmp_path: Path) -> None:
    names = [*REQUIRED, *(f"f_rest_{i}" for i in range(72))]
    rows = np.arange(len(names), dtype=np.float32)[None]
    with pytest.warns(UserWarning, match="degree 4"):
        shN = splats_of(read_ply(write_raw(tmp_path / "a.ply", names, rows))).shN
    first = len(REQUIRED)
    assert shN.shape == (1, 15, 3)
    assert shN[0, :, 1].tolist() == list(range(first + 24, first + 24 + 15))


def test_an_element_before_the_vertices_is_skipped(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, len(REQUIRED)))
    plain = write_raw(tmp_path / "a.ply", list(REQUIRED), rows)
    head, _, body = plain.read_bytes().partition(b"end_header\n")
    camera = b"element camera 3\nproperty uchar a\nproperty double b\n"
    more = tmp_path / "b.ply"
    more.write_bytes(head.replace(b"element vertex", camera + b"element vertex") + b"end_header\n" + b"\7" * 27 + body)
    assert_same(splats_of(read_ply(plain)), splats_of(read_ply(more)))
    lists = b"element face 3\nproperty list uchar int v\n"
    more.write_bytes(head.replace(b"element vertex", lists + b"element vertex") + b"end_header\n" + b"\7" * 27 + body)
    with pytest.raises(SplatFileError, match="'face' of variable length before 'vertex'"):
        splats_of(read_ply(more))
    after = head + lists + b"end_header\n" + body + b"\7" * 27
    more.write_bytes(after)
    assert_same(splats_of(read_ply(plain)), splats_of(read_ply(more)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x", "y", "z", "red"], "is a point cloud, not a splat: no f_dc_0, f_dc_1, f_dc_2, opacity, …"),
        ([name for name in REQUIRED if name != "scale_1"], "is a splat in parts: no scale_1;"),
        (["packed_position"], "has no element 'chunk'"),
        ([*REQUIRED, "f_rest_0"], "has 1 properties f_rest_"),
        ([*REQUIRED, "f_seg_0", "f_seg_2"], "has 2 properties f_seg_.* but no f_seg_1"),
        (["x", "x"], "line 5 of the PLY header"),
        ([], "point cloud"),
    ],
)
def test_a_file_that_lacks_something_is_told_what(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(SplatFileError, match=message):
        splats_of(read_ply(write_raw(tmp_path / "a.ply", names, np.zeros((2, len(names))))))


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, 3e9])
def test_a_segment_id_that_is_no_id_is_refused(tmp_path: Path, value: float) -> None:
    names = [*REQUIRED, "segment_id"]
    with pytest.raises(SplatFileError, match="segment_id that is not a whole number"):
        splats_of(read_ply(write_raw(tmp_path / "a.ply", names, np.full((1, len(names)), value))))


@pytest.mark.parametrize("name", ["x", "f_seg_0", "two words", "line\nbreak"])
def test_an_extra_cannot_take_a_known_name_or_break_the_header(tmp_path: Path, name: str) -> None:
    splats = some_splats(1)
    with pytest.raises(AssertionError, match="cannot be the name"):
        write_ply(tmp_path / "a.ply", Splats(*(getattr(splats, n) for n in TENSORS), extras={name: np.zeros(1)}))
    assert not list(tmp_path.iterdir())
