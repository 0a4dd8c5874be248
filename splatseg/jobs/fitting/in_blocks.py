"""Fits a splat in blocks: a common start, rounds of cells on an engine, and between them one scene.

    start (all views, all Gaussians)  ->  round 1: cells, apart  ->  joined  ->  round 2: cells, apart  ->  joined

Steps are those of one schedule (`TrainSettings`), cut where the scene is joined: every Gaussian has as many as in a fit
of the whole. A later round sees its neighbours as the round before has made them, and so mends seams that the first
has left. Cells are what an engine maps over, in any order, on any number of workers: the result is the same bits.

Source: the common start, cells with overlap, views by what they see, and joining by ownership are those of CityGaussian
(Liu et al. 2024) and VastGaussian (Lin et al. 2024); rounds and a context that stays are ours.
"""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splatseg.capture.capture import Capture
from splatseg.engine.protocol import Engine
from splatseg.errors import RunError
from splatseg.interrupts import stop_on_interrupt
from splatseg.run.reporter import Advance, Reporter
from splatseg.splats.spherical_harmonics import coefficient_count
from splatseg.splats.splats import Splats
from splatseg.train.blocks.cell import write_end
from splatseg.train.blocks.plan import Round, plan_round, read_round
from splatseg.train.blocks.rows import Ends, cell_folder, end_path, round_folder
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork, progress_of
from splatseg.train.fit import advance, first_gaussians
from splatseg.train.photographs import Photographs
from splatseg.train.settings import TrainSettings
from splatseg.train.state import begin
from splatseg.train.task import Fit, StepReport, Watch, resumed

LOOKED_EVERY = 0.5
"""Seconds from one look at the progress of cells to the next."""


@dataclass(frozen=True, eq=False)
class BlockFit:
    """A fit in blocks, and where it tells how it goes."""

    folder: Path
    """Folder of its files (`train.blocks.rows`), the same for all processes."""
    capture: Capture
    """The capture."""
    settings: TrainSettings
    """Settings of the fit of the whole."""
    blocks: BlockSettings
    """Settings of the blocks."""
    work: CellWork
    """The work that the engine maps over the folders of cells."""
    reporter: Reporter
    """Shows one bar over everything."""
    record: Callable[..., None] = field(default=lambda **_: None)
    """Keeps facts."""

    def splats(self, engine: Engine) -> Splats:
        """Do what is left to do and return the splat. Its files stay.

        Raises RunError if cells fail or files are damaged, KeyboardInterrupt when asked to stop.
        """
        rounds = len(self.blocks.joins)
        current = next(filter(None, (read_round(self.folder, k) for k in range(rounds, 0, -1))), None)
        bar = _Bar(self.blocks.steps(self.settings.iterations), self.blocks.cells)
        with self.reporter.stage("fitting", bar.total) as advance:
            bar.advance = advance
            if current is None:
                self._start(bar)
                current = self._planned(1, [cell_folder(self.folder, 0, 0)], bar)
            for number in range(current.number, rounds + 1):
                if number > current.number:
                    current = self._planned(number, current.cells, bar)
                    shutil.rmtree(round_folder(self.folder, number - 1), ignore_errors=True)
                self._round(current, engine, bar)
            return self._joined(current)

    def _start(self, bar: _Bar) -> None:
        """Fit the common start, unless it is done."""
        cell = cell_folder(self.folder, 0, 0)
        if end_path(cell).exists():
            return
        # Colours are decided when the start is done, with all photographs (`train.blocks.colors`).
        settings = dataclasses.replace(self.settings, color_correction="never")
        fit, until = Fit.of(self.capture, settings), self.blocks.steps(settings.iterations)[0]
        with closing(Photographs(fit.views)) as photographs, stop_on_interrupt() as asked:
            watch = Watch(lambda report: self._told(report, bar), cell / "checkpoint", asked.is_set)
            state = resumed(cell / "checkpoint", fit)
            if state is None:
                points, colors = self._points()
                state = begin(first_gaussians(points, colors, photographs, fit))
            advance(fit, state, until, photographs, watch)
        write_end(cell, state)
        state.optimiser.end()  # which lets go of memory before the scene is cut

    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return points (P,3) and colors (P,3) to start from, of more than a fit or a cell has Gaussians a part."""
        points, colors = self.capture.points, self.capture.point_colors
        most = max(self.settings.max_gaussians, -(-len(points) // self.blocks.cells))
        if len(points) <= most:
            return points, colors
        rows = np.sort(np.random.default_rng(self.settings.seed).permutation(len(points))[:most])
        return points[rows], colors[rows]

    def _told(self, report: StepReport, bar: _Bar) -> None:
        bar.move(0, report.step, PSNR=f"{report.psnr:.1f}", Gaussians=f"{report.count:,}")
        self.record(step=report.step, loss=round(report.loss, 6), psnr=round(report.psnr, 3), gaussians=report.count)

    def _planned(self, number: int, before: list[Path], bar: _Bar) -> Round:
        fit = Fit.of(self.capture, self.settings)
        views = len(fit.views)
        bar.move(number - 1, bar.steps[number - 1], doing=f"finding what {views} views see")
        found = plan_round(self.folder, number, before, fit, self.blocks)
        if found.joined and number == 1:
            told = f"{found.joined} of {self.blocks.cells} cells are seen by no view and were joined with neighbours"
            self.reporter.warn(told)
            self.record(warning=told)
        facts: dict[str, Any] = {"views": list(found.views), "gaussians": list(found.owned)}
        facts |= {"trained": list(found.trained), "context": list(found.context)}
        self.record(round=number, cells=len(found.views), **facts)
        if number == 1:
            self.record(color_strength=round(found.strength, 3))
        return found

    def _round(self, planned: Round, engine: Engine, bar: _Bar) -> None:
        """Fit the cells of a round that are not done."""
        left = [cell for cell in planned.cells if not end_path(cell).exists()]
        failed: list[str] = []
        with _watched(planned, bar):
            for done in engine.map(self.work, [str(cell.absolute()) for cell in left]):
                cell = left[done.index].name
                if done.error is not None:
                    failed.append(f"cell {cell} of round {planned.number}: {done.error}")
                    continue
                facts = {"gaussians": done.result, "seconds": round(done.seconds, 3), "memory": done.memory}
                last = progress_of(left[done.index])
                psnr = {} if last is None else {"psnr": last.facts["psnr"]}
                self.record(round=planned.number, cell=int(cell), **psnr, worker=done.worker, **facts)
        if failed:
            raise RunError(
                f"{len(failed)} of {len(planned.cells)} cells were not fitted ({failed[0]}); "
                "mend that and continue with --resume"
            )

    def _joined(self, last: Round) -> Splats:
        splats = Ends(last.cells).splats()
        missing = coefficient_count(self.settings.sh_degree) - splats.shN.shape[1]
        shN = splats.shN.new_zeros(len(splats), max(missing, 0), 3)
        widened = splats.replace(shN=torch.cat([splats.shN, shN], dim=1))
        return dataclasses.replace(widened, coordinates=self.capture.coordinates)


class _Bar:
    """One bar over the start and all rounds, in steps."""

    def __init__(self, steps: list[int], cells: int) -> None:
        self.steps = steps
        self._cells = cells
        self.advance: Advance = lambda done, **facts: None
        self.total = self._before(len(steps))

    def _before(self, number: int) -> int:
        """Return the steps before a round; 0 is the start."""
        rounds = [self.steps[k] - self.steps[k - 1] for k in range(1, number)]
        return (self.steps[0] if number else 0) + self._cells * sum(rounds)

    def move(self, number: int, step: int, **facts: str) -> None:
        """Tell that a round, 0 for the start, is at a step of the schedule, the mean of its cells."""
        begun = self.steps[number - 1] if number else 0
        share = (step - begun) * (self._cells if number else 1)
        self.advance(self._before(number) + share, **facts)

    def cells(self, planned: Round) -> None:
        """Tell how far the cells of a round are."""
        told = [progress_of(cell) for cell in planned.cells]
        done = [end_path(cell).exists() for cell in planned.cells]
        steps = [
            planned.ends if over else max(each.done if each else 0, planned.begins)
            for each, over in zip(told, done, strict=True)
        ]
        mean = planned.begins + sum(step - planned.begins for step in steps) / len(steps)
        facts = {"round": f"{planned.number}/{len(self.steps) - 1}", "cells": f"{sum(done)}/{len(done)}"}
        known = [each.facts for each in told if each is not None]
        if known:
            facts["PSNR"] = f"{np.mean([float(each['psnr']) for each in known]):.1f}"
            facts["Gaussians"] = f"{sum(int(each['gaussians']) for each in known):,}"
        self.move(planned.number, round(mean), **facts)


@contextmanager
def _watched(planned: Round, bar: _Bar) -> Iterator[None]:
    """Move the bar while the cells of a round are fitted, wherever that is."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOKED_EVERY):
            bar.cells(planned)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        bar.cells(planned)
