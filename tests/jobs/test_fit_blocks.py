"""`splatseg train --blocks`: the options, what is refused before anything is written, and a run that is stopped."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from drifting_capture import SETTINGS, drifting_capture

import splatseg
from splatseg.engine.in_process import InProcess
from splatseg.errors import RunError
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.jobs.fitting.of_run import GAUSSIAN, RunViews, blocks_needed, fit_run_in_blocks
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.create import create_run
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.train.blocks.rows import plan_path, read_arrays
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.settings import TrainSettings


def demo_settings(blocks: int | None, **others: object) -> RunSettings:
    capture = CaptureSettings(str(splatseg.demo_capture()), downscale=8, test_every=16)
    return RunSettings.of(capture, iterations=12, **others).with_blocks(blocks)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = splatseg.start_run(tmp_path_factory.mktemp("blocks") / "run", demo_settings(2))
    splatseg.train_run(run)
    return run


def test_a_run_in_blocks_says_of_how_many_cells_it_is(in_two: Run) -> None:
    assert in_two.cells == 2
    assert "fitted in blocks: 2 cells apart, then joined" in in_two.report_path.read_text()
    assert not in_two.cells_path.exists()
    rounds = [row for row in in_two.metrics() if "context" in row]
    cells = [row for row in in_two.metrics() if "cell" in row]
    assert [row["cells"] for row in rounds] == [2] * len(BlockSettings(cells=2).joins)
    assert len(cells) == 2 * len(rounds) and all(row["memory"] > 0 and row["gaussians"] > 0 for row in cells)
    assert all(sum(row["gaussians"]) > 1_000 for row in rounds)


@pytest.mark.slow
def test_workers_of_an_engine_make_the_same_file(in_two: Run, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    run = splatseg.start_run(tmp_path / "run", demo_settings(2))
    engine = BlocksRequest("2", workers=2).engine()
    splatseg.train_run(run, engine=engine)
    assert run.splats_path.read_bytes() == in_two.splats_path.read_bytes()


def test_a_run_that_fits_the_memory_is_made_in_one_piece(tmp_path: Path) -> None:
    runs = []
    for blocks in (0, None):
        runs.append(splatseg.start_run(tmp_path / str(blocks), demo_settings(blocks)))
        splatseg.train_run(runs[-1])
    assert runs[0].splats_path.read_bytes() == runs[1].splats_path.read_bytes()
    assert runs[0].cells == 1 and not runs[0].cells_path.exists()


def test_the_number_of_blocks_follows_the_memory_and_then_stays(tmp_path, monkeypatch) -> None:
    settings = TrainSettings(surroundings=0)
    assert blocks_needed(50_000, settings, GAUSSIAN * 100_000) == 1
    assert blocks_needed(1_000_000, settings, GAUSSIAN * 400_000) == 5
    assert blocks_needed(1_000_000, settings, GAUSSIAN * 999_000) == 3
    run = create_run(tmp_path / "run", demo_settings(0))
    found = []
    monkeypatch.setattr(BlockFit, "splats", lambda fit, engine: found.append(fit.blocks.cells))
    for memory in ("16M", "8G"):
        monkeypatch.setenv("SPLATSEG_MEMORY", memory)
        fit_run_in_blocks(run, run.capture, None, NullReporter())
    assert found == [blocks_needed(len(run.capture.points), run.settings.train, 16 << 20)] * 2


def test_a_thousand_blocks_of_few_views_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has 60 views to train on, too few for 1000 blocks; ask for fewer"):
        splatseg.start_run(tmp_path / "run", demo_settings(1000))
    assert not (tmp_path / "run").exists()


def test_a_joint_fit_cannot_be_cut() -> None:
    masks = str(splatseg.demo_capture() / "masks")
    with pytest.raises(RunError, match=r"the method paper .* cannot be cut into blocks; use lift or contrast"):
        demo_settings(2, masks=masks, method="paper")
    assert demo_settings(2, masks=masks, method="paper", splats="room.ply").blocks == 2


def test_blocks_are_a_number_or_auto() -> None:
    assert [BlocksRequest(text).count() for text in (None, "auto", "1", "12")] == [None, 0, 1, 12]
    for text in ("0", "-1", "many", "1.5", "10000"):
        with pytest.raises(RunError, match=rf"--blocks takes auto or a whole number from 1 to 9999, got '{text}'"):
            BlocksRequest(text).count()
    with pytest.raises(RunError, match="add --blocks auto or a number"):
        BlocksRequest(workers=2).count()


def test_another_number_of_blocks_is_another_run(tmp_path: Path) -> None:
    create_run(tmp_path / "run", demo_settings(2))
    with pytest.raises(RunError, match=r"started with other settings \(blocks\)"):
        create_run(tmp_path / "run", demo_settings(3), resume=True)


@pytest.mark.parametrize(("drift", "strength"), [(0.2, 0.9), (0.0, 0.0)])
def test_colours_of_photographs_are_found_once_for_all_cells(tmp_path, drift: float, strength: float) -> None:
    capture = drifting_capture(tmp_path, drift)
    settings = dataclasses.replace(SETTINGS.scaled(120), color_correction="auto")
    told = []
    blocks = BlockSettings(cells=2, joins=(0.5,))
    work = CellWork(lambda: capture.split("train"), settings)
    fit = BlockFit(
        tmp_path / "cells", capture, settings, blocks, work, NullReporter(), lambda **facts: told.append(facts)
    )
    fit.splats(InProcess())
    found = next(facts["color_strength"] for facts in told if "color_strength" in facts)
    assert found >= strength if strength else found == 0.0
    offsets = read_arrays(plan_path(folder, 1), "plan", lambda arrays, _: arrays["offsets"])
    assert offsets.shape == (18, 4, 3)
    assert (np.abs(offsets).max() > 0.02) == (strength > 0)


def test_any_process_reads_the_views_of_a_run(in_two: Run) -> None:
    views = RunViews(os.fspath(in_two.path))()
    assert [view.name for view in views] == [view.name for view in in_two.capture.split("train")]
