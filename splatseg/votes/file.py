"""Votes on disk, in the same folder as their splat: selections need them long after the features were made.

One safetensors file: `data`, `indices`, `indptr` of the weights (N,M) in CSR; `view_of`, `id_of`, `layer_of`, `areas`
(M,); `seen` (N,); the names of the views as JSON in its metadata. Only if masks have several sources, weights other
than 1, or true masks among them: `source_of` (M,), `weight_of` (M,), `true_of` (M,) of 0 and 1 with `visible_data`,
`visible_indices` and `visible_indptr` of what the V' views with true masks see (N,V').
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from splatseg.splats.made_of import as_fact
from splatseg.tensors import map_tensors, read_tensors, write_tensors
from splatseg.untrusted.documents import parse_json
from splatseg.votes.products import csr_of
from splatseg.votes.votes import Votes

FORMAT = "splatseg votes 1"
"""Name of the format, in the metadata of the file."""

MOST_LAYERS = 1 << 16
"""Limit of the layers of a view: far more than label maps of it fit into memory."""


MOST_SOURCES = 1 << 16
"""Limit of the sources of masks of a run: far more than anyone gives."""

SOURCES = ("source_of", "weight_of")
"""Tensors about sources of masks, which files of earlier versions lack."""


def write_votes(path: Path, votes: Votes, made_of: Mapping[str, str] | None = None) -> None:
    """Write votes atomically. made_of: digests of the splat they belong to (`splats.made_of`)."""
    write_tensors(path, FORMAT, tensors_of(votes), facts_of(votes, made_of), spaced=True)


def facts_of(votes: Votes, made_of: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the metadata of the file of votes."""
    return {"views": json.dumps(votes.views)} | as_fact(made_of)


def tensors_of(votes: Votes) -> dict[str, np.ndarray]:
    """Return the arrays of the file of votes, by name."""
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
    tensors |= {name: getattr(votes, name) for name in SOURCES if getattr(votes, name) is not None}
    if votes.true_of is not None and votes.visible is not None:
        tensors |= {
            "true_of": votes.true_of.astype(np.uint8),
            "visible_data": votes.visible.data.astype(np.float32),
            "visible_indices": votes.visible.indices.astype(np.int32),
            "visible_indptr": votes.visible.indptr.astype(np.int64),
        }
    return tensors


def read_votes(path: Path) -> Votes:
    """Read votes written by `write_votes`. Raises RunError for any other or a damaged file."""
    return read_tensors(path, FORMAT, "run `splatseg segment` again", _votes)


def map_votes(path: Path) -> Votes:
    """Return the votes in a file that this program has just written, their arrays mapped and not checked.

    `weights` has 64-bit row starts beside 32-bit columns, as the file does, which scipy itself would not make: products
    go through `votes.products`. Raises RunError for a file of another format, or one that is cut off.
    """
    tensors, facts = map_tensors(path, FORMAT, "run `splatseg segment` again", private=False)
    given = {name: tensors[name] for name in SOURCES if name in tensors}
    if "true_of" in tensors:
        given["true_of"] = tensors["true_of"] > 0
        views = len(np.unique(tensors["view_of"][given["true_of"]]))
        given["visible"] = _mapped_matrix(tensors, "visible_", (len(tensors["seen"]), views))
    return Votes(
        weights=_mapped_matrix(tensors, "", tuple(tensors["shape"].tolist())),
        view_of=tensors["view_of"],
        id_of=tensors["id_of"],
        areas=tensors["areas"],
        seen=tensors["seen"],
        views=tuple(view.text() for view in parse_json(facts["views"]).items()),
        layer_of=tensors["layer_of"],
        **given,
    )


def _mapped_matrix(tensors: dict[str, np.ndarray], prefix: str, shape: tuple[int, ...]) -> sparse.csr_array:
    data, columns, starts = (tensors[prefix + name] for name in ("data", "indices", "indptr"))
    matrix = csr_of(data, columns, starts, shape)
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


def _votes(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Votes:
    views = tuple(view.text() for view in parse_json(facts["views"]).items())
    _check_numbers("view_of", tensors["view_of"], len(views))
    _check_numbers("layer_of", tensors["layer_of"], MOST_LAYERS)
    _check_numbers("id_of", tensors["id_of"], 2**31)
    _check_order(tensors["view_of"], tensors.get("source_of"))
    for name in ("data", "areas", "seen"):
        _check_amounts(name, tensors[name])
    return Votes(
        _matrix(tensors, "", tuple(tensors["shape"].tolist())),
        tensors["view_of"],
        tensors["id_of"],
        tensors["areas"],
        tensors["seen"],
        views,
        tensors["layer_of"],
        **_sources(tensors),
    )


def _sources(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the fields of votes that a file has if its masks have several sources, weights, or true masks."""
    found: dict[str, Any] = {name: tensors[name] for name in SOURCES if name in tensors}
    if "source_of" in found:
        _check_numbers("source_of", found["source_of"], MOST_SOURCES)
    weights = found.get("weight_of", np.ones(0, np.float32))
    if weights.dtype != np.float32 or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError("weight_of must hold numbers above 0")
    if "true_of" in tensors:
        found["true_of"] = tensors["true_of"] > 0
        _check_amounts("visible_data", tensors["visible_data"])
        views = len(np.unique(tensors["view_of"][found["true_of"]]))
        found["visible"] = _matrix(tensors, "visible_", (len(tensors["seen"]), views))
    return found


def _matrix(tensors: dict[str, np.ndarray], prefix: str, shape: tuple[int, ...]) -> sparse.csr_array:
    data, columns, starts = (tensors[prefix + name] for name in ("data", "indices", "indptr"))
    # Checked before they are narrowed: differences of 32-bit numbers can wrap and look as if they ascended.
    _check_row_starts(starts, len(data))
    # scipy leaves 32-bit columns unconverted only if row starts are 32-bit too.
    small = starts.astype(np.int32) if len(data) < 2**31 else starts
    matrix = sparse.csr_array((data, columns, small), shape=shape)
    matrix.check_format(full_check=True)
    return matrix


def _check_row_starts(starts: np.ndarray, entries: int) -> None:
    if starts.ndim != 1 or starts.dtype != np.int64 or not len(starts):
        raise ValueError("its row starts are not a list of 64-bit numbers")
    if starts[0] != 0 or starts[-1] != entries or (starts[1:] < starts[:-1]).any():
        raise ValueError(f"its row starts do not ascend from 0 to its {entries} weights")


def _check_numbers(name: str, values: np.ndarray, limit: int) -> None:
    if values.dtype != np.int32 or (values < 0).any() or (values >= limit).any():
        raise ValueError(f"{name} must hold whole numbers from 0 to {limit - 1}")


def _check_order(view_of: np.ndarray, source_of: np.ndarray | None) -> None:
    """Check that the masks of a view stand together, and within a view those of a source."""
    if view_of.ndim != 1 or (np.diff(view_of) < 0).any():
        raise ValueError("its masks are not in the order of their views")
    if source_of is not None and (np.diff(source_of)[np.diff(view_of) == 0] < 0).any():
        raise ValueError("its masks are not in the order of their sources")


def _check_amounts(name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "iuf" or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"{name} must hold numbers from 0")
