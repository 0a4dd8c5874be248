"""Files of a fit in blocks: the start and the end of each cell, and the plan of each round.

    FOLDER/1/plan.safetensors       cells, light of cells in views, corrections of photographs; written last: the round
                                    is planned when it is there
    FOLDER/1/003/start.safetensors  state of the cell's Gaussians, its context, its views: all that a cell is trained of
    FOLDER/1/003/checkpoint/        while it is trained
    FOLDER/1/003/end.safetensors    state of the Gaussians that the cell owns; the cell is done when it is there
    FOLDER/0/000/                   the common start, a round of one cell

Alphabet: N Gaussians; a state is the tensors of `train.state.FitState.tensors` without corrections of colour, all
(N,...).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from splatseg.errors import RunError
from splatseg.splats.splats import Splats
from splatseg.tensors import read_tensors, write_tensors
from splatseg.train.state import PACKED
from splatseg.untrusted.documents import reason_of

T = TypeVar("T")

AGAIN = "remove its folder and continue with --resume, or start the run over"
"""The way out for a damaged file."""


def round_folder(folder: Path, number: int) -> Path:
    """Return the folder of a round, counted from 1; 0 is the common start."""
    return folder / str(number)


def cell_folder(folder: Path, number: int, cell: int) -> Path:
    """Return the folder of a cell, counted from 0, in a round."""
    return round_folder(folder, number) / f"{cell:03d}"


def plan_path(folder: Path, number: int) -> Path:
    """Return the file of the plan of a round."""
    return round_folder(folder, number) / "plan.safetensors"


def start_path(cell: Path) -> Path:
    """Return the file that a cell is trained of."""
    return cell / "start.safetensors"


def end_path(cell: Path) -> Path:
    """Return the file of a cell that is done."""
    return cell / "end.safetensors"


def write_arrays(path: Path, kind: str, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write one of the files, atomically. kind: "plan", "start" or "end"."""
    write_tensors(path, f"splatseg {kind} of cells 1", arrays, facts)


def read_arrays(path: Path, kind: str, decode: Callable[[dict[str, np.ndarray], dict[str, Any]], T]) -> T:
    """Read one of the files. Raises RunError if it is damaged, or `decode` finds it so."""
    return read_tensors(path, f"splatseg {kind} of cells 1", AGAIN, decode)


class Ends:
    """The state of a whole scene in the ends of cells, their rows one after the other; read one tensor at a time."""

    def __init__(self, cells: Sequence[Path]) -> None:
        """Take the folders of all cells of a round, in order."""
        self._paths = [end_path(cell) for cell in cells]

    def names(self) -> list[str]:
        """Return the names of the tensors of the state. Raises RunError as `tensor` does."""
        return [name for name in self._each(lambda file: list(file.keys()))[0] if not name.startswith("cell.")]

    def tensor(self, name: str) -> Tensor:
        """Return one tensor of all rows (N,...). Raises RunError if a file is damaged."""
        return torch.cat(self._each(lambda file: torch.from_numpy(file.get_tensor(name))))

    def splats(self) -> Splats:
        """Return the Gaussians with the harmonics in use so far."""
        values: dict[str, Any] = {name: self.tensor(f"value.{name}") for name in PACKED}
        return Splats(**values)

    def _each(self, read: Callable[[Any], T]) -> list[T]:
        found = []
        for path in self._paths:
            try:
                with safe_open(str(path), framework="numpy") as file:
                    found.append(read(file))
            except (SafetensorError, OSError, ValueError) as error:
                raise RunError(f"{path} cannot be read ({reason_of(error)}); {AGAIN}") from error
        return found


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return tensors as arrays on the processor, by name in order."""
    return {name: tensors[name].detach().cpu().numpy() for name in sorted(tensors)}
