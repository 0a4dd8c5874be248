"""The plan of a round: cuts the joined scene into cells, each with all that it is trained of in a file of its own.

    ends of the round before -> splat -> cells -> light (V,B) -> views and context of each -> start of each

A plan is a function of the ends and the settings: made twice, it is the same bytes. The splat without its moments is in
memory, and a row of light a cell; moments are read when a start is written, one tensor at a time.

Alphabet: N Gaussians, V views, B cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.progress import Progress
from splatseg.splats.splats import Splats
from splatseg.train.blocks.assignment import contexts, light_of_cells, views_of_cells
from splatseg.train.blocks.colors import ColorsFound, uncorrected
from splatseg.train.blocks.partition import Cells, cells_of
from splatseg.train.blocks.rows import (
    Ends,
    as_arrays,
    cell_folder,
    plan_path,
    read_arrays,
    start_path,
    write_arrays,
)
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.photographs import Photographs
from splatseg.train.state import PACKED
from splatseg.train.task import Fit

COUNTS = ("views", "owned", "trained", "context")
"""Numbers by cell in the file of a plan."""


@dataclass(frozen=True, eq=False)
class Round:
    """A round of cells as it is planned."""

    folder: Path
    """Folder of the fit in blocks."""
    number: int
    """Number of the round, counted from 1."""
    begins: int
    """Step after which it begins."""
    ends: int
    """Step after which it ends."""
    views: tuple[int, ...]
    """Number of views of each cell."""
    owned: tuple[int, ...]
    """Gaussians of each cell at the begin."""
    trained: tuple[int, ...]
    """Gaussians that are trained with each cell, those in its margins too."""
    context: tuple[int, ...]
    """Gaussians of the context of each cell."""
    partition: Cells
    """The cells."""
    joined: int = 0
    """Cells that had no Gaussians or were seen by no view, and went to their neighbours."""
    strength: float = 0.0
    """Factor of the corrections of the photographs' colours, 0 for none."""

    @property
    def cells(self) -> list[Path]:
        """Folders of the cells."""
        return [cell_folder(self.folder, self.number, cell) for cell in range(len(self.views))]


def read_round(folder: Path, number: int) -> Round | None:
    """Read the plan of a round; None if it is not planned. Raises RunError if the file is damaged."""
    path = plan_path(folder, number)

    def decode(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Round:
        counts: dict[str, Any] = {name: tuple(map(int, arrays[name])) for name in COUNTS}
        facts = {name: int(facts[name]) for name in ("begins", "ends", "joined")} | {"strength": facts["strength"]}
        return Round(folder, number, partition=Cells(arrays["frame"], arrays["nodes"]), **facts, **counts)

    return read_arrays(path, "plan", decode) if path.exists() else None


def plan_round(
    folder: Path,
    number: int,
    before: Sequence[Path],
    fit: Fit,
    settings: BlockSettings,
    progress: Progress | None = None,
) -> Round:
    """Plan a round, counted from 1, and write its files.

    before: folders of the cells of the round before, or of the common start. fit: of the whole capture.
    """
    ends, steps = Ends(before), settings.steps(fit.settings.iterations)
    splats = ends.splats()
    turn = math.radians(settings.turn * (number - 1))
    cells = cells_of(splats.positions, settings.cells, settings.overlap, turn)
    owners = cells.owners(splats.positions)
    if number == 1 and fit.settings.color_correction != "never":
        with closing(Photographs(fit.views)) as photographs:
            found = ColorsFound(splats, fit.views, photographs, fit.settings)
            light = light_of_cells(splats, fit.views, owners, cells.count, progress, found.look)
            offsets, strength = found.decided()
    else:
        light = light_of_cells(splats, fit.views, owners, cells.count, progress)
        offsets, strength = uncorrected(len(fit.views)) if number == 1 else _colors(folder, number - 1)
    cells, light = _without_empty(cells, light)
    owners = cells.owners(splats.positions)
    own = np.stack([cells.grown(cell, splats.positions) for cell in range(cells.count)])
    assigned = views_of_cells(light, settings.covered, settings.seen)
    around = contexts(splats, fit.views, assigned, own, settings.context_left)
    shared = {"begins": steps[number - 1], "ends": steps[number], "extent": fit.extent, "centre": fit.centre.tolist()}
    for cell in range(cells.count):
        chosen = assigned[cell]
        rows = np.flatnonzero(own[cell])
        arrays = _state(ends, rows) | _context(splats, around[cell])
        arrays |= {"cell.offsets": offsets[chosen], "own": (owners[rows] == cell).astype(np.uint8)}
        facts = {"views": [fit.views[row].name for row in chosen], "strength": strength}
        write_arrays(start_path(cell_folder(folder, number, cell)), "start", arrays, shared | facts)
    owned = np.bincount(owners, minlength=cells.count)
    counts = {"views": [len(chosen) for chosen in assigned], "owned": owned, "trained": own.sum(axis=1)}
    counts["context"] = [len(rows) for rows in around]
    arrays = {name: np.array(value, np.int64) for name, value in counts.items()}
    facts = shared | {"joined": settings.cells - cells.count, "strength": strength}
    arrays |= {"offsets": offsets, "light": light, "frame": cells.frame, "nodes": cells.nodes}
    write_arrays(plan_path(folder, number), "plan", arrays, facts)
    planned = read_round(folder, number)
    assert planned is not None
    return planned


def _without_empty(cells: Cells, light: np.ndarray) -> tuple[Cells, np.ndarray]:
    """Return the cells, and their light (V,B), without those that give none: they go to their neighbours."""
    while cells.count > 1 and not light.sum(axis=0).all():
        empty = int(np.argmin(light.sum(axis=0)))
        cells, light = cells.without(empty), np.delete(light, empty, axis=1)
    return cells, light


def _colors(folder: Path, number: int) -> tuple[np.ndarray, float]:
    return read_arrays(
        plan_path(folder, number), "plan", lambda arrays, facts: (arrays["offsets"], float(facts["strength"]))
    )


def _state(ends: Ends, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: ends.tensor(name)[rows].numpy() for name in sorted(ends.names())}


def _context(splats: Splats, rows: np.ndarray) -> dict[str, np.ndarray]:
    return as_arrays({f"context.{name}": getattr(splats, name)[rows] for name in PACKED})
