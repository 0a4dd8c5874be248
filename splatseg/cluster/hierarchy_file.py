"""The hierarchy on disk, beside the splat it was made for: what another granularity, grow and shrink ask.

One safetensors file: `atoms` (N,), `merges` (R,2), `levels` (R,).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.tensors import read_tensors, write_tensors

FORMAT = "splatseg hierarchy 1"


def write_hierarchy(path: Path, hierarchy: Hierarchy) -> None:
    """Write a hierarchy atomically."""
    write_tensors(path, FORMAT, {name: getattr(hierarchy, name) for name in ("levels", "atoms", "merges")})


def read_hierarchy(path: Path) -> Hierarchy:
    """Read what `write_hierarchy` wrote. Raises RunError for a file that is not that or is damaged."""
    return read_tensors(path, FORMAT, "run `splatseg segment` again", _decoded)


def _decoded(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Hierarchy:
    del facts
    atoms, merges = tensors["atoms"], tensors["merges"]
    if atoms.dtype.kind != "i" or merges.dtype.kind != "i":
        raise ValueError("atoms and merges must hold whole numbers")
    # Tables have a row for every atom: a number that no splat needs must not ask for their memory.
    if atoms.min(initial=0) < 0 or atoms.max(initial=0) > len(atoms):
        raise ValueError(f"atoms must hold numbers from 0 to {len(atoms)}")
    return Hierarchy(atoms, merges, tensors["levels"])
