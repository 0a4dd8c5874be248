"""Results of a job appear together and the settings last, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.parts import _next_sweep, part_folder
from splatseg.run.create import create_run
from splatseg.run.folder import Run, open_run
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.run.staging import staged

SETTINGS = RunSettings.of(CaptureSettings("/captures/room"))


def files(run: Run) -> dict[str, str]:
    return {path.relative_to(run.path).as_posix(): path.read_text() for path in run.path.rglob("*") if path.is_file()}


@pytest.fixture
def changed(tmp_path: Path) -> Run:
    """A run that had been segmented, about to be segmented at another granularity."""
    run = create_run(tmp_path / "run", SETTINGS)
    for name in ("votes.safetensors", "splats.ply", "segments.json", "masks/left/000.png", "metrics.jsonl"):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("old")
    return Run(run.path, SETTINGS.with_granularity(0.2))


def write(aside: Run) -> None:
    for name in ("splats.ply", "segments.json", "masks/left/000.png", "masks/001.png"):
        (aside.path / name).parent.mkdir(parents=True, exist_ok=True)
        (aside.path / name).write_text("new")


def test_files_and_settings_are_exchanged_together_and_others_stay(changed: Run) -> None:
    before = files(changed)
    with staged(changed, ["votes.safetensors"]) as aside:
        write(aside)
        assert {name: text for name, text in files(changed).items() if "part" not in name} == before
    found = files(changed)
    assert "votes.safetensors" not in found and found["metrics.jsonl"] == "old"
    assert {name for name, text in found.items() if text == "new"} == {
        *("splats.ply", "segments.json", "masks/left/000.png", "masks/001.png")
    }
    assert open_run(changed.path).settings == changed.settings
    assert not list(changed.path.glob(".*"))


def test_what_the_block_writes_of_the_files_it_remakes_is_kept(changed: Run) -> None:
    with staged(changed, ["votes.safetensors"]) as aside:
        write(aside)
        aside.votes_path.write_text("new")
    assert changed.votes_path.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_job_that_fails_leaves_the_run_as_it_was(changed: Run, error: type[BaseException]) -> None:
    before = files(changed)
    with pytest.raises(error), staged(changed, ["votes.safetensors"]) as aside:
        write(aside)
        raise error
    assert files(changed) == before


def test_the_settings_are_the_last_to_change(changed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        if target.is_relative_to(changed.path) and ".part" not in str(target):
            moved.append(target.relative_to(changed.path).as_posix())
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    with staged(changed, []) as aside:
        write(aside)
    assert moved == ["masks/001.png", "masks/left/000.png", "splats.ply", "segments.json", "config.yaml"]


def test_what_a_killed_job_left_goes_with_the_next_job_and_with_overwrite(changed: Run) -> None:
    with part_folder(changed.path / "results") as part:
        name = part.name
    for again in (lambda: _stage(changed), lambda: create_run(changed.path, SETTINGS, overwrite=True)):
        (changed.path / name).mkdir()  # nobody holds its lock
        _next_sweep.clear()
        again()
        assert not (changed.path / name).exists()


def _stage(run: Run) -> None:
    with staged(run, []) as aside:
        write(aside)
