"""The hierarchy on disk, beside the splat it was made for: what another granularity, grow and shrink ask.

One safetensors file: `atoms` (N,), `merges` (R,2), `levels` (R,).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import RunError
from splatseg.files import atomic_write

FORMAT = "splatseg hierarchy 1"


def write_hierarchy(path: Path, hierarchy: Hierarchy) -> None:
    """Write a hierarchy atomically."""
    arrays = {name: np.ascontiguousarray(getattr(hierarchy, name)) for name in ("atoms", "merges", "levels")}
    with atomic_write(path) as file:
        file.write(save(arrays, {"format": FORMAT}))


def read_hierarchy(path: Path) -> Hierarchy:
    """Read what `write_hierarchy` wrote. Raises RunError for a file that is not that or is damaged."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            if (file.metadata() or {}).get("format") != FORMAT:
                raise RunError(f"{path} holds no hierarchy of this version of splatseg; run `splatseg segment` again")
            return Hierarchy(*(file.get_tensor(name) for name in ("atoms", "merges", "levels")))
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); run `splatseg segment` again") from error
