"""The hierarchy on disk, in the same folder as its splat: grow, shrink and another granularity need it.

One safetensors file: `atoms` (N,), `merges` (R,2), `levels` (R,).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.splats.made_of import as_fact
from splatseg.tensors import read_tensors, write_tensors

FORMAT = "splatseg hierarchy 1"
"""Name of the format, in the metadata of the file."""


def write_hierarchy(path: Path, hierarchy: Hierarchy, made_of: Mapping[str, str] | None = None) -> None:
    """Write a hierarchy atomically. made_of: digests of the splat it belongs to (`splats.made_of`)."""
    tensors = {name: getattr(hierarchy, name) for name in ("levels", "atoms", "merges")}
    write_tensors(path, FORMAT, tensors, as_fact(made_of))


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
    levels = tensors["levels"]
    if levels.dtype.kind != "f" or not np.isfinite(levels).all():
        raise ValueError("levels must hold finite numbers")
    return Hierarchy(atoms, merges, levels)
