"""`splatseg clean` and what it says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.formats.read import load_splats
from splatseg.formats.sidecar import sidecar_path


def contents(folder: Path) -> dict[str, str]:
    """A checksum of every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_is_cleaned_into_a_file_and_does_not_change(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(small_run)
    assert run(["clean", str(small_run), "-o", str(tmp_path / "clean.ply"), "--strength", "1"]) == 0
    said = capsys.readouterr().out
    assert contents(small_run) == before
    original, cleaned = load_splats(small_run / "splats.ply")[0], load_splats(tmp_path / "clean.ply")[0]
    assert 0.5 * len(original) < len(cleaned) < len(original)
    assert f"removed {len(original) - len(cleaned):,} of {len(original):,} Gaussians" in said
    assert " hardly seen anywhere" in said
    assert "has no views" not in said
    assert cleaned.features is not None and cleaned.segment_ids is not None
    assert set(cleaned.segment_ids.tolist()) <= {0, *(row["id"] for row in _rows(small_run))}


def test_a_file_is_cleaned_into_any_format_with_its_segments(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(small_run), "-o", str(tmp_path / "all.ply")]) == 0
    before = (tmp_path / "all.ply").read_bytes()
    assert run(["clean", str(tmp_path / "all.ply"), "-o", str(tmp_path / "clean.spz")]) == 0
    assert "a file has no views" in capsys.readouterr().out
    assert (tmp_path / "all.ply").read_bytes() == before
    assert sidecar_path(tmp_path / "clean.spz").exists()
    cleaned = load_splats(tmp_path / "clean.spz")[0]
    assert cleaned.segment_ids is not None and bool((cleaned.segment_ids > 0).any())


def test_only_the_reasons_asked_for_are_looked_for(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["clean", str(small_run), "-o", str(tmp_path / "a.ply"), "--reasons", "weak"]) == 0
    said = capsys.readouterr().out
    assert "hardly seen anywhere" in said
    assert "outside the capture" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strength", "2"], "the strength is 2; give a number from 0 (nothing that is seen) to 1"),
        (["--strength", "nan"], "the strength is nan"),
        (["--format", "fbx"], "there is no format 'fbx'"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_nothing_is_written(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["clean", str(small_run), "-o", str(tmp_path / "a.ply"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_input_is_never_the_output(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(small_run)
    assert run(["clean", str(small_run), "-o", str(small_run / "splats.ply")]) == 2
    assert "is part of what is cleaned and would be lost; name another file with -o" in capsys.readouterr().err
    assert contents(small_run) == before
    assert run(["export", str(small_run), "-o", str(tmp_path / "a.ply")]) == 0
    (tmp_path / "link.ply").symlink_to(tmp_path / "a.ply")
    written = (tmp_path / "a.ply").read_bytes()
    assert run(["clean", str(tmp_path / "a.ply"), "-o", str(tmp_path / "link.ply")]) == 2
    assert (tmp_path / "a.ply").read_bytes() == written


def _rows(folder: Path) -> list[dict[str, int]]:
    rows: list[dict[str, int]] = json.loads((folder / "segments.json").read_text())
    return rows
