"""Votes on disk, beside the splat they were made for: what a selection asks long after the features were made.

One safetensors file: `data`, `indices`, `indptr` of the weights (N,M) in CSR; `view_of`, `id_of`, `layer_of`, `areas`
(M,); `seen` (N,); the names of the views as JSON in its metadata.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import numpy as np
from safetensors import SafetensorError, safe_open
from scipy import sparse

from splatseg.errors import RunError
from splatseg.files import atomic_write
from splatseg.votes.votes import Votes

FORMAT = "splatseg votes 1"

_KINDS = {"float32": "F32", "int32": "I32", "int64": "I64"}
"""How safetensors calls the types of the arrays."""


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
    metadata = {"format": FORMAT, "views": json.dumps(votes.views)}
    with atomic_write(path) as file:
        _write_safetensors(file, {name: np.ascontiguousarray(value) for name, value in tensors.items()}, metadata)


def read_votes(path: Path) -> Votes:
    """Read what `write_votes` wrote. Raises RunError for a file that is not that or is damaged."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise RunError(f"{path} holds no votes of this version of splatseg; run `splatseg segment` again")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        views = tuple(json.loads(metadata["views"]))
        starts = tensors["indptr"]
        # Before they are narrowed: differences of 32-bit numbers can wrap and look as if they ascended.
        _check_row_starts(starts, len(tensors["data"]))
        # scipy keeps 32-bit columns as they are only beside 32-bit row starts.
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
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); run `splatseg segment` again") from error


def _check_row_starts(starts: np.ndarray, entries: int) -> None:
    if starts.ndim != 1 or starts.dtype != np.int64 or not len(starts):
        raise ValueError("its row starts are not a list of 64-bit numbers")
    if starts[0] != 0 or starts[-1] != entries or (starts[1:] < starts[:-1]).any():
        raise ValueError(f"its row starts do not ascend from 0 to its {entries} weights")


def _write_safetensors(file: IO[bytes], tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Array by array: the library puts the whole file together in memory first, which votes are too large for."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    # Wide types first, so that every array starts at a multiple of its item's size.
    ordered = sorted(tensors, key=lambda name: -tensors[name].itemsize)
    for name in ordered:
        array = tensors[name]
        end = offset + array.nbytes
        header[name] = {"dtype": _KINDS[array.dtype.name], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in ordered:
        file.write(tensors[name].reshape(-1).view(np.uint8).data)
