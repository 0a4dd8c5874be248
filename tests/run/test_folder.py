"""A run folder is never lost and never made over something else."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from splatseg.errors import RunError
from splatseg.run.create import create_run
from splatseg.run.folder import FILES, FOLDERS, open_run
from splatseg.run.settings import CaptureSettings, RunSettings

SETTINGS = RunSettings.of(CaptureSettings("/captures/kitchen"))


def test_a_run_opens_with_the_settings_it_was_made_with(tmp_path: Path) -> None:
    create_run(tmp_path / "run", SETTINGS)
    assert open_run(tmp_path / "run").settings == SETTINGS


def test_a_run_that_exists_is_refused(tmp_path: Path) -> None:
    create_run(tmp_path, SETTINGS)
    with pytest.raises(RunError, match="already holds a run; use --resume to continue it or --overwrite to replace it"):
        create_run(tmp_path, SETTINGS)


def test_a_folder_that_is_no_run_is_refused_even_to_overwrite(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="is not a run; name an empty or new folder"):
        create_run(tmp_path, SETTINGS, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_overwriting_a_run_leaves_foreign_files_alone(tmp_path: Path) -> None:
    create_run(tmp_path, SETTINGS)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "splats.ply").write_text("old")
    create_run(tmp_path, SETTINGS, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "splats.ply").exists()


def test_resuming_with_other_settings_names_them(tmp_path: Path) -> None:
    create_run(tmp_path, SETTINGS)
    other = RunSettings.of(CaptureSettings("/captures/kitchen", downscale=2), seed=1)
    with pytest.raises(RunError, match=r"other settings \(capture\.downscale, .*seed.*\); resume with the same ones"):
        create_run(tmp_path, other, resume=True)


def test_resuming_what_never_began_begins_it(tmp_path: Path) -> None:
    assert create_run(tmp_path / "run", SETTINGS, resume=True).settings == SETTINGS


def test_a_file_in_place_of_the_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match="is a file, not a folder"):
        create_run(tmp_path / "run", SETTINGS)


def test_a_run_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run at .*gone; make one with `splatseg train"):
        open_run(tmp_path / "gone")


def test_an_unfinished_run_says_how_to_finish(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no splats\.ply yet: its training did not finish; .* with --resume"):
        create_run(tmp_path, SETTINGS).splats()


def test_a_run_without_masks_asks_for_them(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was made without masks; name their folder with --masks DIR"):
        create_run(tmp_path, SETTINGS).masks()


def test_a_line_of_metrics_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    run = create_run(tmp_path, SETTINGS)
    run.record(step=10, loss=0.5)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    assert run.metrics() == [{"step": 10, "loss": 0.5}]


def test_what_takes_time_is_recorded_with_its_seconds(tmp_path: Path) -> None:
    run = create_run(tmp_path, SETTINGS)
    with run.timed("clustering"):
        pass
    assert [(row["timing"], row["seconds"] >= 0.0) for row in run.metrics()] == [("clustering", True)]


def test_what_fails_has_no_time(tmp_path: Path) -> None:
    run = create_run(tmp_path, SETTINGS)
    with pytest.raises(RunError), run.timed("clustering"):
        raise RunError("no")
    assert run.metrics() == []


def test_a_line_after_one_that_was_cut_short_is_whole(tmp_path: Path) -> None:
    run = create_run(tmp_path, SETTINGS)
    run.record(step=1)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "los')
    run.record(step=3)
    run.record(step=4)
    assert [row["step"] for row in run.metrics()] == [1, 3, 4]


@pytest.mark.parametrize("killed_at", range(1, 15))
def test_a_run_that_was_half_removed_is_never_taken_for_finished_and_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    run = create_run(tmp_path, SETTINGS)
    for name in FILES:
        if name != "config.yaml":
            (tmp_path / name).touch()
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    removed = 0

    def stop(path: Path, *options: object, **more: object) -> None:
        nonlocal removed
        removed += 1
        if removed == killed_at:
            raise MemoryError
        if path.exists():
            os.rmdir(path) if path.is_dir() else os.unlink(path)  # noqa: PTH106, PTH108

    with monkeypatch.context() as patched, contextlib.suppress(MemoryError):
        patched.setattr(Path, "unlink", stop)
        patched.setattr(shutil, "rmtree", stop)
        create_run(tmp_path, SETTINGS, overwrite=True)
    if killed_at > 1:
        assert not run.segments_path.exists()
    create_run(tmp_path, SETTINGS, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml"]
