"""Exports of runs and files: the rows asked for, in files with names that say what is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from scenes import colorful_splats
from table_scene import ball, table, together, without_circle

from splatseg.errors import OutputError, PromptError, RunError, SplatFileError
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.jobs.export import Source, export_source, open_source
from splatseg.requests.exporting import ExportOptions
from splatseg.segments.segment import describe_segments


@pytest.fixture
def source() -> Source:
    splats = colorful_splats()
    names = {1: "mug", 2: "../a/b: c?", 3: "Tür"}
    return Source(splats, describe_segments(splats, names, colors={1: (1, 2, 3)}))


def heats(path: Path) -> list[float]:
    return load_splats(path)[0].extras["heat"].tolist()


def test_segments_and_the_rest_are_the_whole(tmp_path: Path, source: Source) -> None:
    said = export_source(source, tmp_path / "things.ply", ExportOptions(segment=(1, 3), rest=True))
    assert said.count("wrote 150 Gaussians") == 2
    first, second = heats(tmp_path / "things.ply"), heats(tmp_path / "things.rest.ply")
    assert sorted(first + second) == list(range(300)) and all(heat % 2 for heat in first)


def test_a_rest_of_a_long_suffix_keeps_it(tmp_path: Path, source: Source) -> None:
    export_source(source, tmp_path / "a.b.compressed.ply", ExportOptions(segment=(1,), rest=True))
    assert (tmp_path / "a.b.rest.compressed.ply").exists()


def test_every_segment_is_a_file_with_its_id_and_name(tmp_path: Path, source: Source) -> None:
    said = export_source(source, tmp_path / "parts", ExportOptions(each=True, rest=True))
    assert said == f"wrote 3 segments and the rest as .ply to {tmp_path / 'parts'}"
    files = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert files == ["001_mug.ply", "002_a_b_c.ply", "003_Tür.ply", "rest.ply"]
    assert all(heat % 4 == 3 for heat in heats(tmp_path / "parts" / "003_Tür.ply"))
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_some_segments_each_in_a_file_in_another_format(tmp_path: Path, source: Source) -> None:
    said = export_source(source, tmp_path / "parts", ExportOptions(segment=(3,), each=True, format="spz"))
    assert said.endswith("; .spz does not hold 5 features, other properties (heat)")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["003_Tür.spz"]
    assert len(load_splats(tmp_path / "parts" / "003_Tür.spz")[0]) == 75


def test_an_empty_rest_is_no_file(tmp_path: Path, source: Source) -> None:
    source.splats.segment_ids[:] = 1  # type: ignore[index]
    said = export_source(source, tmp_path / "a.glb", ExportOptions(segment=(1,), rest=True))
    assert said.endswith("a.rest.glb, so it was not written") and not (tmp_path / "a.rest.glb").exists()


def test_a_file_is_converted_with_its_ids_and_names(tmp_path: Path, source: Source) -> None:
    export_source(source, tmp_path / "a.spz")
    export_source(open_source(tmp_path / "a.spz"), tmp_path / "b.sog", ExportOptions(segment=(1,)))
    again = open_source(tmp_path / "b.sog")
    assert [(row.id, row.name, row.color, row.count) for row in again.segments] == [(1, "mug", (1, 2, 3), 75)]
    nearest = torch.cdist(again.splats.means, source.splats.means).argmin(1)
    assert (nearest % 4 == 1).all()


def test_what_does_not_go_together_is_told(tmp_path: Path, source: Source) -> None:
    bare = Source(source.splats.replace(segment_ids=None))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("precious")
    for given, options, error, message in [
        (source, ExportOptions(rest=True), PromptError, "name segments with --segment"),
        (source, ExportOptions(segment=(9,)), PromptError, "there is no segment 9; the segments are 1-3"),
        (source, ExportOptions(each=True, segment=(9,)), PromptError, "there is no segment 9"),
        (source, ExportOptions(each=True, format="obj"), OutputError, "there is no format 'obj'; there are ply, "),
        (source, ExportOptions(each=True), OutputError, "is not an empty folder; with --each name a new one"),
        (bare, ExportOptions(each=True), RunError, "no segments yet"),
        (bare, ExportOptions(segment=(1,)), RunError, "no segments yet"),
        (source, ExportOptions(layout="inria"), RunError, "needs the cameras of a run"),
    ]:
        with pytest.raises(error, match=message):
            export_source(given, tmp_path / "full", options)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine"]


def test_a_source_that_is_neither_is_told(tmp_path: Path) -> None:
    with pytest.raises(SplatFileError, match="there is no file"):
        open_source(tmp_path / "nothing")
    with pytest.raises(RunError):
        open_source(tmp_path)


def test_an_interrupted_export_of_every_segment_leaves_nothing(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def fail_at_the_second(*arguments: object, **options: object) -> object:
        from splatseg.formats.write import write_splats

        written.append(tmp_path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write_splats(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("splatseg.jobs.export.write_splats", fail_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        export_source(source, tmp_path / "parts", ExportOptions(each=True))
    assert not list(tmp_path.iterdir())


def test_a_plain_ply_of_another_program_is_converted(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", colorful_splats().replace(features=None, segment_ids=None))
    said = export_source(open_source(tmp_path / "a.ply"), tmp_path / "a.usdz")
    assert "wrote 300 Gaussians" in said and (tmp_path / "a.usdz").exists()


def test_an_export_never_replaces_what_it_is_of(tmp_path: Path, source: Source) -> None:
    export_source(source, tmp_path / "a.ply")
    (tmp_path / "link.ply").symlink_to(tmp_path / "a.ply")
    before = (tmp_path / "a.ply").read_bytes()
    for name in ("a.ply", "link.ply"):
        with pytest.raises(OutputError, match=rf"{name} is part of what is exported and would be lost; name another"):
            export_source(open_source(tmp_path / "a.ply"), tmp_path / name, ExportOptions(segment=(1,)))
    with pytest.raises(OutputError, match=r"b\.rest\.ply is part of what is exported"):
        (tmp_path / "a.ply").rename(tmp_path / "b.rest.ply")
        export_source(open_source(tmp_path / "b.rest.ply"), tmp_path / "b.ply", ExportOptions(segment=(1,), rest=True))
    assert (tmp_path / "b.rest.ply").read_bytes() == before and not (tmp_path / "b.ply").exists()


@pytest.fixture
def table_with_ball() -> Source:
    splats, _ = together(without_circle(table(), 0.22), ball())
    return Source(splats, describe_segments(splats, {1: "table", 2: "ball"}))


def test_the_rest_is_written_with_its_hole_closed(tmp_path: Path, table_with_ball: Source) -> None:
    said = export_source(table_with_ball, tmp_path / "a.ply", ExportOptions(segment=(2,), rest=True, fill=True))
    first, second = said.splitlines()
    assert "closed a hole" not in first and re.search(r"; closed a hole of .* made-up Gaussians", second)
    rest = load_splats(tmp_path / "a.rest.ply")[0]
    marks = rest.extras["made_up"]
    assert marks.dtype == "uint8" and 50 < marks.sum() < 200
    assert len(rest) == (table_with_ball.splats.segment_ids == 1).sum() + marks.sum()  # type: ignore[attr-defined]
    assert len(load_splats(tmp_path / "a.ply")[0]) == 800


def test_a_format_without_room_for_the_mark_says_so(tmp_path: Path, table_with_ball: Source) -> None:
    said = export_source(table_with_ball, tmp_path / "a.splat", ExportOptions(segment=(2,), rest=True, fill=True))
    assert "other properties (made_up)" in said.splitlines()[1]


def test_a_hole_is_filled_only_in_what_is_written(tmp_path: Path, table_with_ball: Source) -> None:
    for options in (
        ExportOptions(fill=True),
        ExportOptions(segment=(2,), fill=True),
        ExportOptions(segment=(2,), rest=True, each=True, fill=True),
        ExportOptions(layout="inria", fill=True),
    ):
        with pytest.raises(PromptError, match="--fill closes holes in what --segment ID --rest leaves; give these two"):
            export_source(table_with_ball, tmp_path / "a.ply", options)
    assert not list(tmp_path.iterdir())
