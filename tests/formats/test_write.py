"""The one door to all formats: the suffix decides, ids survive, losses are told, and nothing is left half-written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from scenes import colorful_splats

from splatseg.errors import OutputError, PromptError, RunError
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.read import load_splats
from splatseg.formats.sidecar import read_sidecar_table, sidecar_path
from splatseg.formats.write import FORMATS, format_of, write_splats
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import segments_of_rows
from splatseg.splats.splats import splats_of


@pytest.mark.parametrize("name", ["ply", "compressed.ply", "splat", "spz", "sog"])
def test_each_gaussian_has_its_segment_id_after_reading_back(tmp_path: Path, name: str) -> None:
    splats = colorful_splats()
    path = tmp_path / f"a.{name}"
    written = write_splats(path, splats, describe_segments(splats, {1: "mug"}))
    assert (written.count, written.format.name) == (300, name)
    found, dropped = load_splats(path)
    assert dropped == 0 and found.segment_ids is not None and splats.segment_ids is not None
    nearest = torch.cdist(found.means, splats.means).argmin(1)
    assert len(nearest.unique()) == 300
    assert torch.equal(found.segment_ids, splats.segment_ids[nearest])
    if written.sidecar:
        table = {row.id: row for row in segments_of_rows(path, read_sidecar_table(path))}
        assert table[1].name == "mug" and table[1].count == 75


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_chosen_by_its_suffix_or_by_its_name(tmp_path: Path, name: str) -> None:
    assert format_of(Path(f"dir.ply/THINGS.V2.{name.upper()}")).name == name
    assert format_of(Path("things"), f".{name}").name == name
    written = write_splats(tmp_path / "things", colorful_splats(), name=name)
    assert written.path.stat().st_size > 1000


def test_what_a_format_does_not_hold_is_told(tmp_path: Path) -> None:
    splats = colorful_splats(degree=2)
    assert write_splats(tmp_path / "a.ply", splats).left_out == ()
    assert write_splats(tmp_path / "a.glb", splats).left_out == ("5 features", "other properties (heat)")
    written = write_splats(tmp_path / "a.splat", splats.replace(features=None))
    assert written.left_out[0] == "colours that change with the view (harmonics of degree 2)"
    assert written.summary == (
        f"wrote 300 Gaussians to {tmp_path / 'a.splat'} (9.6 kB); segment ids are in a.splat.segments.npz; "
        ".splat does not hold colours that change with the view (harmonics of degree 2), other properties (heat)"
    )


@pytest.mark.parametrize("name", ["ply", "spz", "glb", "usdc"])
def test_plain_is_geometry_and_colour(tmp_path: Path, name: str) -> None:
    written = write_splats(tmp_path / f"a.{name}", colorful_splats(), plain=True)
    assert written.sidecar is None and written.left_out == ()
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{name}"]
    if name == "ply":
        found = splats_of(read_ply(tmp_path / "a.ply"))
        assert found.features is None and found.segment_ids is None and not found.extras


def test_a_sidecar_of_an_earlier_file_goes_with_it(tmp_path: Path) -> None:
    write_splats(tmp_path / "a.spz", colorful_splats())
    assert sidecar_path(tmp_path / "a.spz").exists()
    write_splats(tmp_path / "a.spz", colorful_splats().replace(segment_ids=None))
    assert not sidecar_path(tmp_path / "a.spz").exists()


def test_a_suffix_that_is_none_lists_those_there_are() -> None:
    listed = "there are ply, compressed.ply, splat, spz, sog, glb, usdc, usda, usdz, json"
    with pytest.raises(OutputError, match=f"a.obj has no suffix that names a format; {listed}"):
        format_of(Path("a.obj"))
    with pytest.raises(OutputError, match=f"there is no format 'fbx'; {listed}"):
        format_of(Path("a.ply"), "fbx")


@pytest.mark.parametrize("name", FORMATS)
def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"cannot be written \(.*\); name another place"):
        write_splats(tmp_path / "file" / f"a.{name}", colorful_splats())
    (tmp_path / f"b.{name}").mkdir()
    with pytest.raises(OutputError, match="is a folder; name a file"):
        write_splats(tmp_path / f"b.{name}", colorful_splats())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["file", f"b.{name}"])


@pytest.mark.parametrize(("name", "library"), [("spz", "gaussforge"), ("usdc", "pxr")])
def test_a_missing_extra_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    (tmp_path / f"a.{name}").write_text("earlier")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(OutputError, match=r'install it with pip install "splatseg\[formats\]"'):
        write_splats(tmp_path / f"a.{name}", colorful_splats())
    assert (tmp_path / f"a.{name}").read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1


def test_nothing_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"there are no Gaussians to write, so .*a.glb was not written"):
        write_splats(tmp_path / "a.glb", colorful_splats().subset(torch.zeros(300, dtype=torch.bool)))


def test_boxes_need_segments(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no segments yet"):
        write_splats(tmp_path / "a.json", colorful_splats().replace(segment_ids=None))
    assert not list(tmp_path.iterdir())
