"""The hierarchy on disk, in the same folder as its splat: grow, shrink and another granularity need it.

One safetensors file: `atoms` (N,), `merges` (R,2), `levels` (R,).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.tensors import read_tensors, write_tensors

FORMAT = "splatseg hierarchy 1"
"""Name of the format, in the metadata of the file."""


def write_hierarchy(path: Path, hierarchy: Hierarchy) -> None:
    """Write a hierarchy atomically."""
    write_tensors(path, FORMAT, {name: getattr(hierarchy, name) for name in ("levels", "atoms", "merges")})


def read_hierarchy(path: Path) -> Hierarchy:
    """Read a hierarchy written by `write_hierarchy`. Raises RunError for any other or a damaged file."""
    return read_tensors(path, FORMAT, "run `splatseg segment` again", _decoded)


def _decoded(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Hierarchy:
    del facts
    atoms, merges = tensors["atoms"], tensors["merges"]
    if atoms.dtype.kind != "i" or merges.dtype.kind != "i":
        raise ValueError("atoms and merges must hold whole numbers")
    # Tables have a row for every atom: a damaged file with a huge number must not allocate their memory.
    if atoms.min(initial=0) < 0 or atoms.max(initial=0) > len(atoms):
        raise ValueError(f"atoms must hold numbers from 0 to {len(atoms)}")
    return Hierarchy(atoms, merges, tensors["levels"])
