"""Checkpoints: the state from which a fit continues to the bit. Tensors as safetensors, the rest as JSON, never pickle.

A checkpoint is two files, `step_00001000.safetensors` and `step_00001000.json`; each is written under another name and
renamed, the JSON last, so that a checkpoint with a JSON is whole. The last two are kept. Random numbers are a function
of seed and step (see `fit`), so a checkpoint holds no state of a generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.parts import sweep
from splatseg.tensors import DAMAGE, load_tensors, write_tensors
from splatseg.untrusted.documents import read_json, reason_of, shown

FORMAT = 2
"""Number of the file format that is written: since 2, moments may be packed (`train.moments`)."""
READ = (1, 2)
"""Formats that are read; checkpoints of another are refused."""
KEPT = 2
"""Checkpoints that are kept, the newest ones."""
MOST_STEPS = 10**9
"""Limit of the number of a step: far more than any fit takes."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a fit after a step."""

    step: int
    """Steps done."""
    tensors: dict[str, Tensor]
    """Tensors by name."""
    facts: dict[str, Any]
    """Facts of the fit (settings, names of views) as JSON values."""


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint and remove all but the last two. Returns the path of its JSON."""
    folder = Path(folder)
    stem = f"step_{checkpoint.step:08d}"
    arrays = {name: checkpoint.tensors[name].detach().cpu().numpy() for name in sorted(checkpoint.tensors)}
    write_tensors(folder / f"{stem}.safetensors", None, arrays)
    path = folder / f"{stem}.json"
    write_json(path, {"format": FORMAT, "step": checkpoint.step, "facts": checkpoint.facts})
    for old in _jsons(folder)[:-KEPT]:
        old.unlink()
    # Tensors without a JSON belong to a removed checkpoint, or to one whose writing was interrupted.
    whole = {path.stem for path in _jsons(folder)}
    for tensors in folder.glob("step_*.safetensors"):
        if tensors.stem not in whole:
            tensors.unlink()
    return path


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest whole checkpoint in a folder; None if there is none.

    Raises RunError if there are checkpoints but none can be read.
    """
    folder = Path(folder)
    sweep(folder)  # a resumed fit may end before it writes here again
    jsons = _jsons(folder)
    damage = ""
    for path in reversed(jsons):
        try:
            head = read_json(path)
            number = head.get("format")
            if number is None or number.value not in READ:
                raise RunError(
                    f"{path} was written by another version of splatseg (format "
                    f"{'unknown' if number is None else shown(number.value)}, this one reads {READ[0]} to {READ[-1]}); "
                    "finish the run with that version or start it over"
                )
            step = head["step"].whole(0, MOST_STEPS)
            facts = {name: field.value for name, field in head["facts"].entries().items()}
            arrays, _ = load_tensors(path.with_suffix(".safetensors"))
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            return Checkpoint(step, tensors, facts)
        except DAMAGE as error:
            damage = damage or f"{path.with_suffix('.*')}: {reason_of(error)}"
    if damage:
        raise RunError(f"no checkpoint in {folder} can be read ({damage}); start the run over")
    return None


def _jsons(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*.json"))
