"""`splatseg export` and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.read import load_splats
from splatseg.splats.splats import splats_of


@pytest.mark.parametrize("name", ["compressed.ply", "splat", "spz", "sog", "glb", "usdc", "json"])
def test_a_run_is_exported_as_the_suffix_says(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(["export", str(small_run), "-o", str(tmp_path / f"a.{name}")]) == 0
    assert f"a.{name}" in capsys.readouterr().out
    assert (tmp_path / f"a.{name}").stat().st_size > 1000


def test_the_layout_of_the_viewers_is_written(small_run: Path, tmp_path: Path) -> None:
    assert run(["export", str(small_run), "-o", str(tmp_path / "out"), "--layout", "inria"]) == 0
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == ["cameras.json", "input.ply", "point_cloud/iteration_120/point_cloud.ply"]
    assert splats_of(read_ply(tmp_path / "out" / found[2])).features is None
    assert len(json.loads((tmp_path / "out" / "cameras.json").read_text())) == 64


def test_files_of_every_segment_have_the_names_of_the_run(small_run: Path, tmp_path: Path) -> None:
    assert run(["export", str(small_run), "-o", str(tmp_path / "parts"), "--each", "--format", "splat"]) == 0
    rows = json.loads((small_run / "segments.json").read_text())
    names = {f"{row['id']:03d}_{row['name'].replace(' ', '_')}.splat" for row in rows}
    assert {path.name for path in (tmp_path / "parts").iterdir()} == names


def test_a_segment_is_exported_from_what_was_exported(small_run: Path, tmp_path: Path) -> None:
    assert run(["export", str(small_run), "-o", str(tmp_path / "all.spz")]) == 0
    first = json.loads((small_run / "segments.json").read_text())[0]
    arguments = ["export", str(tmp_path / "all.spz"), "--segment", str(first["id"]), "-o", str(tmp_path / "one.splat")]
    assert run(arguments) == 0
    assert len(load_splats(tmp_path / "one.splat")[0]) == first["count"]
    assert run(["info", str(tmp_path / "one.splat")]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.obj"], "has no suffix that names a format; there are ply, compressed.ply, splat, spz, sog, glb"),
        (["-o", "a.ply", "--format", "fbx"], "there is no format 'fbx'"),
        (["-o", "a.ply/b.ply"], "cannot be written"),
        (["-o", "a.glb", "--rest"], "name segments with --segment"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("a.ply").write_text("a file")
    assert run(["export", str(small_run), *arguments]) == 2
    captured = " ".join(capsys.readouterr().err.split())
    assert message in captured and "Traceback" not in captured
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


@pytest.mark.parametrize("name", ["splats.ply", "segments.json", "evaluation.json", "masks/a.ply"])
def test_a_run_s_own_files_are_never_replaced_by_an_export(
    small_run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in small_run.rglob("*") if path.is_file()}

    before = contents()
    assert run(["export", str(small_run), "-o", str(small_run / name), "--segment", "1"]) == 2
    assert "is part of what is exported and would be lost; name another file with -o" in capsys.readouterr().err
    assert contents() == before
