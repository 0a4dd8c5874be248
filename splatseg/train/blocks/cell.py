"""The fit of one cell: the steps of a fit of the whole, with its views, its Gaussians, and the context around them.

Learning rates, rounds of growth and degrees of harmonics are those that a fit of the whole would have at these steps,
and so are moments, which come with the Gaussians. So one cell that owns everything goes on as the fit of the whole
does, to the bit.

At the end those Gaussians are kept that the cell owned when the round began, by where their means lay, and what has
come of them; those in its margins are the neighbours'. So each has one owner in every round. Were they kept by where
they lie at the end, one that moved across a seam in one cell and not in the other would be lost, or be there twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.splats.splats import Splats
from splatseg.train.blocks.colors import FixedColors
from splatseg.train.blocks.rows import as_arrays, end_path, read_arrays, start_path, write_arrays
from splatseg.train.context import Context
from splatseg.train.fit import advance
from splatseg.train.photographs import Photographs
from splatseg.train.settings import TrainSettings
from splatseg.train.state import PACKED, FitState, finite_rows, restored
from splatseg.train.task import Fit, Watch, resumed


@dataclass(frozen=True, eq=False)
class Start:
    """All that a cell is trained of."""

    state: FitState
    """Gaussians of the cell and of its margins."""
    fit: Fit
    """Views, settings and context."""
    until: int
    """Step after which the cell ends."""

    @classmethod
    def read(cls, folder: Path, views: Sequence[View], settings: TrainSettings) -> Start:
        """Read the start in a cell's folder. views: the training views of the capture.

        Raises RunError if it is damaged, or of other views.
        """

        def decode(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Start:
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            known = {view.name: view for view in views}
            own = tuple(known[name] for name in facts["views"])
            own_state = {n: t for n, t in tensors.items() if not n.startswith(("context.", "cell."))}
            state = restored(own_state, int(facts["begins"]), {})
            state.correction = FixedColors(own, arrays["cell.offsets"], float(facts["strength"]))
            context = _context(tensors)
            centre = np.array(facts["centre"], np.float64)
            plain = dataclasses.replace(settings, color_correction="never")
            fit = Fit(own, plain, centre, float(facts["extent"]), context=context)
            return cls(state, fit, int(facts["ends"]))

        return read_arrays(start_path(folder), "start", decode)


def fit_cell(folder: Path, views: Sequence[View], settings: TrainSettings, watch: Watch) -> int:
    """Train the cell in a folder from where it is, write its end, and return the number of Gaussians that it owns.

    views: the training views of the capture. settings: of the fit of the whole. A cell that is done is left as it is.

    Raises KeyboardInterrupt when it is asked to stop, with a checkpoint, and RunError for a damaged start.
    """
    if end_path(folder).exists():
        return read_arrays(end_path(folder), "end", lambda arrays, _: len(arrays["value.means"]))
    start = Start.read(folder, views, settings)
    watch = dataclasses.replace(watch, checkpoints=folder / "checkpoint")
    state = _continued(folder / "checkpoint", start) or start.state
    with closing(Photographs(start.fit.views)) as photographs:
        advance(start.fit, state, start.until, photographs, watch)
    return write_end(folder, state)


def write_end(folder: Path, state: FitState) -> int:
    """Write the Gaussians that a cell owns, `state.own`, and return their number."""
    kept = finite_rows({name: value.detach() for name, value in state.parameters.items()})
    if state.own is not None:
        kept &= state.own
    rows = kept.cpu().numpy().nonzero()[0]
    found = {name: array for name, array in as_arrays(state.tensors()).items() if name != "own"}
    # Rows are copied only if some go: the common start keeps all, and memory holds them once.
    arrays = found if len(rows) == len(kept) else {name: array[rows] for name, array in found.items()}
    write_arrays(end_path(folder), "end", arrays, {"step": state.step})
    return len(rows)


def _continued(checkpoints: Path, start: Start) -> FitState | None:
    try:
        return resumed(checkpoints, start.fit, start.state.correction)
    except RunError:
        # Two workers may have written them at once, if one was taken for lost; the start is always whole.
        return None


def _context(tensors: dict[str, Tensor]) -> Context | None:
    around: dict[str, Any] = {name: tensors[f"context.{name}"] for name in PACKED}
    if len(around["means"]) == 0:
        return None
    begun: dict[str, Any] = {name: tensors[f"value.{name}"] for name in PACKED}
    return Context(Splats(**around), Splats(**begun))
