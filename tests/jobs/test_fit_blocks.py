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
from splatseg.jobs.fitting import of_run
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.jobs.fitting.of_run import GAUSSIAN, RunViews, blocks_needed, fit_settings_in_blocks
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.train.blocks.rows import plan_path, read_arrays
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.settings import TrainSettings


def demo_settings(**others: object) -> RunSettings:
    capture = CaptureSettings(str(splatseg.demo_capture()), downscale=8, test_every=16)
    return RunSettings.of(capture, iterations=12, **others)  # type: ignore[arg-type]


def made(folder: Path, request: BlocksRequest) -> Run:
    run = splatseg.start_run(folder, demo_settings(), blocks=request)
    splatseg.train_run(run, blocks=request)
    return run


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("blocks") / "run", BlocksRequest("2"))


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
    run = made(tmp_path / "run", BlocksRequest("2", workers=2))
    assert run.splats_path.read_bytes() == in_two.splats_path.read_bytes()


def test_a_run_that_fits_the_memory_is_made_in_one_piece(tmp_path: Path) -> None:
    runs = [made(tmp_path / str(blocks), BlocksRequest(blocks)) for blocks in ("auto", None)]
    assert runs[0].splats_path.read_bytes() == runs[1].splats_path.read_bytes()
    assert runs[0].settings.blocks == runs[0].cells == 1


def test_the_number_of_blocks_follows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TrainSettings(surroundings=0)
    assert blocks_needed(50_000, settings, GAUSSIAN * 100_000) == 1
    assert blocks_needed(1_000_000, settings, GAUSSIAN * 400_000) == 5
    assert blocks_needed(1_000_000, settings, GAUSSIAN * 999_000) == 3
    capture = demo_settings().capture.load()
    monkeypatch.setattr(of_run, "machine_memory", lambda: 16 << 20)
    found = fit_settings_in_blocks(demo_settings(), BlocksRequest("auto"), capture, NullReporter())
    assert found.blocks == blocks_needed(len(capture.points), found.train, 16 << 20) > 1


def test_what_cannot_be_cut_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    masks = str(splatseg.demo_capture() / "masks")
    for request, settings, told in (
        (BlocksRequest("1000"), demo_settings(), "has 60 views to train on, too few for 1000 blocks; ask for fewer"),
        (BlocksRequest("2"), demo_settings(masks=masks, method="paper"), "the method paper trains .* in one piece"),
        (BlocksRequest("2"), demo_settings(masks=masks, method="contrast"), "use the method lift, or leave out"),
        (BlocksRequest(workers=2), demo_settings(), "add --blocks auto or a number"),
        (BlocksRequest("many"), demo_settings(), "the blocks are 'many'; give a number from 1 to 999,999,999, or auto"),
    ):
        with pytest.raises(RunError, match=told):
            splatseg.start_run(tmp_path / "run", settings, blocks=request)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("drift", "strength"), [(0.2, 0.9), (0.0, 0.0)])
def test_colours_of_photographs_are_found_once_for_all_cells(tmp_path, drift: float, strength: float) -> None:
    capture = drifting_capture(tmp_path, drift)
    settings = dataclasses.replace(SETTINGS.scaled(120), color_correction="auto")
    told = []
    blocks = BlockSettings(cells=2, joins=(0.5,))
    work = CellWork(lambda: capture.split("train"), settings)
    folder, reporter = tmp_path / "cells", NullReporter()
    fit = BlockFit(folder, capture, settings, blocks, work, reporter, lambda **facts: told.append(facts))
    fit.splats(InProcess())
    found = next(facts["color_strength"] for facts in told if "color_strength" in facts)
    assert found >= strength if strength else found == 0.0
    offsets = read_arrays(plan_path(folder, 1), "plan", lambda arrays, _: arrays["offsets"])
    assert offsets.shape == (18, 4, 3)
    assert (np.abs(offsets).max() > 0.02) == (strength > 0)


def test_any_process_reads_the_views_of_a_run(in_two: Run) -> None:
    views = RunViews(os.fspath(in_two.path))()
    assert [view.name for view in views] == [view.name for view in in_two.capture.split("train")]
