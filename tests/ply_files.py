"""PLY files of splats with any properties in any order and type, for tests of what reads them in blocks."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.header import TYPE_NAMES
from splatseg.formats.read import load_splats
from splatseg.splats.blocks import each_block
from splatseg.splats.splats import Splats

GEOMETRY = ("x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")


def columns(count: int, seed: int = 0, degree: int = 0) -> dict[str, np.ndarray]:
    """Columns (count,) of float32 of a plain splat."""
    rng = np.random.default_rng(seed)
    rest = tuple(f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1)))
    return {name: rng.normal(size=count).astype(np.float32) for name in (*GEOMETRY, *CONSTANT, *rest)}


def write_columns(path: Path, named: Mapping[str, np.ndarray], comments: Sequence[str] = (), order: str = "<") -> Path:
    """Write columns of any types that PLY knows as a binary .ply, in the order given."""
    dtype = np.dtype([(name, values.dtype.newbyteorder(order)) for name, values in named.items()])
    count = len(next(iter(named.values())))
    body = np.empty(count, dtype)
    for name, values in named.items():
        body[name] = values
    endian = "little" if order == "<" else "big"
    lines = ["ply", f"format binary_{endian}_endian 1.0", *(f"comment {line}" for line in comments)]
    lines += [f"element vertex {count}"]
    lines += [f"property {TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in named.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + body.tobytes())
    return path


FIELDS = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features", "segment_ids")


def assert_same(one: Splats, other: Splats, fields: tuple[str, ...] = FIELDS) -> None:
    for name in fields:
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.dtype == right.dtype, name
            assert left.numpy().tobytes() == right.numpy().tobytes(), name
    assert list(one.extras) == list(other.extras)
    for name, values in one.extras.items():
        assert values.dtype == other.extras[name].dtype, name
        assert values.tobytes() == other.extras[name].tobytes(), name
    assert one.coordinates == other.coordinates
    assert one.antialiased == other.antialiased


def told(read: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Result of a function, and the warnings that it gave."""
    with warnings.catch_warnings(record=True) as given_out:
        warnings.simplefilter("always")
        result = read()
    return result, sorted(str(warning.message) for warning in given_out)


def check(path: Path, ranges: list[tuple[int, int]], rows_a_block: int | None = None) -> FileBlocks:
    """The blocks of a file, whose rows, warnings and facts are those of `load_splats`."""
    (whole, dropped), said = told(lambda: load_splats(path))
    blocks, said_by_blocks = told(lambda: open_blocks(path, rows_a_block))
    assert said == said_by_blocks
    assert (len(blocks), blocks.dropped) == (len(whole), dropped)
    for opened in (blocks, pickle.loads(pickle.dumps(blocks))):
        for begin, end in [*ranges, (0, len(whole))]:
            part = whole.subset(np.arange(*slice(begin, end).indices(len(whole))))
            assert_same(part, opened.rows(begin, end))
            geometry = opened.rows(begin, end, "geometry")
            assert torch.equal(part.means, geometry.means) and torch.equal(part.log_scales, geometry.log_scales)
            assert torch.equal(part.quats, geometry.quats)
            assert torch.equal(part.opacity_logits, geometry.opacity_logits)
            assert geometry.features is None and not geometry.extras and geometry.sh_degree == 0
    assert blocks.borders[0] == 0 and blocks.borders[-1] == len(whole) and (np.diff(blocks.borders) > 0).all()
    for block, rows in enumerate(each_block(blocks)):
        assert len(rows) == blocks.borders[block + 1] - blocks.borders[block]
        np.testing.assert_array_equal(rows.positions.min(0), blocks.boxes[block, 0])
        np.testing.assert_array_equal(rows.positions.max(0), blocks.boxes[block, 1])
        assert rows.reach.max() <= blocks.reaches[block] <= rows.reach.max() * (1 + 1e-6)
    return blocks


@st.composite
def any_file(draw: st.DrawFn, path: Path) -> Path:
    """A splat with columns of any type and order, in any of the forms that `formats.ply` reads."""
    count = draw(st.integers(1, 300))
    named = columns(count, draw(st.integers(0, 5)), draw(st.integers(0, 3)))
    if draw(st.booleans()):
        named = {k: v for k, v in named.items() if not k.startswith("f_")}
        kind, most = draw(st.sampled_from([(np.uint8, 255), (np.float32, 1), (np.float32, 255)]))
        rng = np.random.default_rng(1)
        named |= {name: (rng.random(count) * most).astype(kind) for name in ("red", "green", "blue")}
    if draw(st.booleans()):
        del named["opacity"]
        most = draw(st.sampled_from([1.0, 255.0]))
        named["alpha"] = (np.random.default_rng(2).random(count) * most).astype(np.float32)
    if draw(st.booleans()):
        del named["scale_2"]
    if draw(st.booleans()):
        named["filter_3D"] = np.abs(np.random.default_rng(3).normal(size=count)).astype(np.float32)
    if draw(st.booleans()):
        far = draw(st.sampled_from([0.0, 1e6]))
        named |= {name: np.random.default_rng(4).normal(size=count) + far for name in "xyz"}
    if draw(st.booleans()):
        named["segment_id"] = np.arange(count, dtype=np.int32)
    kinds = draw(st.lists(st.sampled_from(sorted(TYPE_NAMES)), max_size=3))
    named |= {f"extra_{i}": np.arange(count).astype(kind) for i, kind in enumerate(kinds)}
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from([name for name, values in named.items() if values.dtype.kind == "f"]))
        named[name][draw(st.integers(0, count - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    if draw(st.booleans()):
        for i in range(4):
            named[f"rot_{i}"][count // 2] = 0
    comments = draw(st.sampled_from([(), ("SplatRenderMode: mip",), ("splatseg world: centre 5.0 6.0 7.0 scale 2.0",)]))
    named = dict(draw(st.permutations(list(named.items()))))
    return write_columns(path / "a.ply", named, comments, draw(st.sampled_from("<>")))
