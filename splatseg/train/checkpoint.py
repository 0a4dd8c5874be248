"""Checkpoints: enough to continue a fit to the bit. Tensors as safetensors, the rest as JSON, never pickle.

A checkpoint is two files, `step_00001000.safetensors` and `step_00001000.json`; each is written aside and renamed, the
JSON last, so that a checkpoint with a JSON is whole. The last two are kept. Randomness is a function of seed and step
(see `train`), so it needs no state here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from splatseg.errors import RunError
from splatseg.files import atomic_write, write_json

FORMAT = 1
KEPT = 2


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """step: steps done; tensors by name; facts: what belongs to the fit (settings, names of views), JSON values."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint and remove all but the last two. Returns the path of its JSON."""
    folder = Path(folder)
    stem = f"step_{checkpoint.step:08d}"
    contiguous = {name: tensor.detach().contiguous() for name, tensor in checkpoint.tensors.items()}
    with atomic_write(folder / f"{stem}.safetensors") as file:
        file.write(save(contiguous))
    path = folder / f"{stem}.json"
    write_json(path, {"format": FORMAT, "step": checkpoint.step, "facts": checkpoint.facts})
    for old in _jsons(folder)[:-KEPT]:
        old.unlink()
    whole = {path.stem for path in _jsons(folder)}
    for tensors in folder.glob("step_*.safetensors"):
        if tensors.stem not in whole:
            tensors.unlink()
    return path


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in a folder, or None if there is none.

    Raises RunError if there are checkpoints but none can be read.
    """
    jsons = _jsons(Path(folder))
    damage = ""
    for path in reversed(jsons):
        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            if head.get("format") != FORMAT:
                raise RunError(
                    f"{path} was written by another version of splatseg (format {head.get('format')}, this one reads "
                    f"{FORMAT}); finish the run with that version or start it anew"
                )
            return Checkpoint(int(head["step"]), load_file(path.with_suffix(".safetensors")), dict(head["facts"]))
        except (OSError, ValueError, KeyError, AttributeError, TypeError, SafetensorError) as error:
            damage = damage or f"{path.with_suffix('.*')}: {str(error).splitlines()[0]}"
    if damage:
        raise RunError(f"no checkpoint in {folder} can be read ({damage}); start the run anew")
    return None


def _jsons(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*.json"))
