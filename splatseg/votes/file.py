"""Votes on disk, in the same folder as their splat: selections need them long after the features were made.

One safetensors file: `data`, `indices`, `indptr` of the weights (N,M) in CSR; `view_of`, `id_of`, `layer_of`, `areas`
(M,); `seen` (N,); the names of the views as JSON in its metadata.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from splatseg.tensors import read_tensors, write_tensors
from splatseg.votes.votes import Votes

FORMAT = "splatseg votes 1"
"""Name of the format, in the metadata of the file."""

MOST_LAYERS = 1 << 16
"""Limit of the layers of a view: far more than label maps of it fit into memory."""


def write_votes(path: Path, votes: Votes) -> None:
    """Write votes atomically."""
    tensors = {
        "data": votes.weights.data.astype(np.float32),
        "indices": votes.weights.indices.astype(np.int32),
        "indptr": votes.weights.indptr.astype(np.int64),
        "shape": np.array(votes.weights.shape, dtype=np.int64),
        "view_of": votes.view_of,
        "id_of": votes.id_of,
        "layer_of": votes.layer_of,
        "areas": votes.areas,
        "seen": votes.seen,
    }
    write_tensors(path, FORMAT, tensors, {"views": json.dumps(votes.views)}, spaced=True)


def read_votes(path: Path) -> Votes:
    """Read votes written by `write_votes`. Raises RunError for any other or a damaged file."""
    return read_tensors(path, FORMAT, "run `splatseg segment` again", _votes)


def _votes(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Votes:
    views = tuple(json.loads(facts["views"]))
    starts = tensors["indptr"]
    # Checked before they are narrowed: differences of 32-bit numbers can wrap and look as if they ascended.
    _check_row_starts(starts, len(tensors["data"]))
    _check_numbers("view_of", tensors["view_of"], len(views))
    _check_numbers("layer_of", tensors["layer_of"], MOST_LAYERS)
    # scipy leaves 32-bit columns unconverted only if row starts are 32-bit too.
    small = starts.astype(np.int32) if len(tensors["data"]) < 2**31 else starts
    csr = (tensors["data"], tensors["indices"], small)
    weights = sparse.csr_array(csr, shape=tuple(tensors["shape"].tolist()))
    weights.check_format(full_check=True)
    return Votes(
        weights,
        tensors["view_of"],
        tensors["id_of"],
        tensors["areas"],
        tensors["seen"],
        views,
        tensors["layer_of"],
    )


def _check_row_starts(starts: np.ndarray, entries: int) -> None:
    if starts.ndim != 1 or starts.dtype != np.int64 or not len(starts):
        raise ValueError("its row starts are not a list of 64-bit numbers")
    if starts[0] != 0 or starts[-1] != entries or (starts[1:] < starts[:-1]).any():
        raise ValueError(f"its row starts do not ascend from 0 to its {entries} weights")


def _check_numbers(name: str, values: np.ndarray, limit: int) -> None:
    if values.dtype != np.int32 or (values < 0).any() or (values >= limit).any():
        raise ValueError(f"{name} must hold whole numbers from 0 to {limit - 1}")
