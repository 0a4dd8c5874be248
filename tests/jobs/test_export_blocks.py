"""Exports of whole splats block by block: the same bytes and words as from memory, parts, streamed SOG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ply_files import assert_same, columns, write_columns

from splatseg.errors import OutputError, PromptError
from splatseg.formats.morton import morton_order
from splatseg.formats.read import load_splats
from splatseg.jobs.export import export_source, open_source
from splatseg.jobs.exporting.blocks import export_file, in_blocks
from splatseg.requests.exporting import ExportOptions


@pytest.fixture
def source(tmp_path: Path) -> Path:
    named = columns(300, degree=1) | {"segment_id": np.arange(300, dtype=np.int32), "heat": np.ones(300, np.float32)}
    return write_columns(tmp_path / "a.ply", named)


@pytest.mark.parametrize("plain", [False, True])
def test_a_file_is_exported_to_the_bytes_and_words_of_memory(source: Path, tmp_path: Path, plain: bool) -> None:
    options = ExportOptions(plain=plain)
    assert in_blocks(tmp_path / "b.ply", options)
    (tmp_path / "b.ply.segments.npz").write_bytes(b"of an earlier file")
    streamed = export_file(source, tmp_path / "b.ply", options)
    assert not (tmp_path / "b.ply.segments.npz").exists()
    content = (tmp_path / "b.ply").read_bytes()
    whole = export_source(open_source(source), tmp_path / "b.ply", options)
    assert content == (tmp_path / "b.ply").read_bytes()
    assert str(streamed) == str(whole) and streamed.facts == whole.facts


def test_parts_are_one_splat_from_a_file_and_from_memory(source: Path, tmp_path: Path) -> None:
    said = export_file(source, tmp_path / "one", ExportOptions(parts=4))
    assert str(said).startswith(f"wrote 300 Gaussians to {tmp_path / 'one'} in 4 parts (")
    export_source(open_source(source), tmp_path / "other", ExportOptions(parts=4))
    for part in (tmp_path / "one").iterdir():
        assert part.read_bytes() == (tmp_path / "other" / part.name).read_bytes()
    assert_same(load_splats(tmp_path / "one")[0], load_splats(source)[0])


@pytest.mark.parametrize("parts", [None, 4])
def test_a_sorted_splat_has_the_same_gaussians_in_morton_order(source: Path, tmp_path: Path, parts: int | None) -> None:
    whole, _ = load_splats(source)
    options = ExportOptions(sort=True, parts=parts)
    export_file(source, tmp_path / "there" / "a.ply", options)
    export_source(open_source(source), tmp_path / "again" / "a.ply", options)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["a.ply"], "nothing else is left"
    for place in ("there", "again"):
        assert_same(load_splats(tmp_path / place / "a.ply")[0], whole.subset(morton_order(whole.positions)))


def test_a_streamed_sog_says_what_it_does_not_hold(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    said = export_file(source, tmp_path / "scene" / "lod-meta.json", ExportOptions())
    assert str(said).endswith("; a streamed SOG does not hold other properties (heat), segment ids")
    assert len(load_splats(tmp_path / "scene")[0]) == 300
    assert {path.name for path in tmp_path.iterdir()} == {"a.ply", "scene"}


def test_what_is_exported_is_never_replaced(source: Path, tmp_path: Path) -> None:
    export_file(source, tmp_path / "parts", ExportOptions(parts=2))
    for place in (tmp_path / "parts", tmp_path / "parts" / "part_00001_of_00002.ply"):
        with pytest.raises(OutputError, match="is part of what is exported and would be lost"):
            export_file(tmp_path / "parts", place, ExportOptions())
    with pytest.raises(OutputError, match="is part of what is exported"):
        export_file(source, source, ExportOptions())
    with pytest.raises(OutputError, match="exists and is not an empty folder; name a new one"):
        export_file(source, tmp_path / "parts", ExportOptions(parts=2))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ExportOptions(parts=0), "--parts is 0; give the number of parts"),
        (ExportOptions(parts=2, segment=(1,)), "--parts cuts a whole splat"),
        (ExportOptions(parts=2, format="spz"), "--parts cuts a whole splat"),
        (ExportOptions(parts=2, mesh=True), "--parts cuts a whole splat"),
        (ExportOptions(sort=True, segment=(1,)), "--sort orders a whole splat, as one .ply or with --parts"),
        (ExportOptions(sort=True, format="spz"), "--sort orders a whole splat"),
    ],
)
def test_parts_and_order_with_other_choices_are_refused(tmp_path: Path, options: ExportOptions, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        in_blocks(tmp_path / "parts", options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.spz", ExportOptions()),
        ("b.compressed.ply", ExportOptions()),
        ("b.ply", ExportOptions(segment=(1,))),
        ("b.ply", ExportOptions(mesh=True)),
        ("b", ExportOptions()),
        ("b.json", ExportOptions()),
    ],
)
def test_other_exports_are_not_of_blocks(tmp_path: Path, name: str, options: ExportOptions) -> None:
    assert not in_blocks(tmp_path / name, options)


@pytest.mark.parametrize("name", ["a.splat", "a.SPZ", "a.sog"])
def test_parts_are_not_written_under_the_name_of_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=rf"{name} is the name of a file, and --parts writes a folder of \.ply"):
        in_blocks(tmp_path / name, ExportOptions(parts=2))
