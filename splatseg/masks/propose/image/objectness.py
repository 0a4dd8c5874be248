"""Features by which candidates on a splat's surface are told from chance unions of regions.

Beside those of `candidates.outline_features`: how sure it is that the regions on the two sides of the outline are of
different objects, and of the pairs inside; relief, gap and bend along the outline and inside; and how far the surface
is from one plane. Alphabet as in `candidates`.
"""

from __future__ import annotations

import numpy as np

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.masks.propose.image.candidates import cut_pairs, outline_features, sums_inside
from splatseg.masks.propose.image.merge_trees import CUES, MergeWeights, border_cues
from splatseg.masks.propose.image.regions import RegionGraph

RELIEFS = ("near_valley", "near_ridge", "far_valley", "far_ridge", "gap", "bend")

SURE = 0.8
"""Probability from which on a border is surely one between objects; below 1 - SURE it is surely none."""

ROUGH_HALF = 0.02
"""Distance from one plane, as a share of the inverse depth, at which a candidate is half rough."""


def surface_features(graph: RegionGraph, members: np.ndarray, different: MergeWeights) -> np.ndarray:
    """Return features (C,29) of candidates (C,R) on a surface. different: probability that two regions are apart."""
    cues = border_cues(graph)
    logits = cues @ [getattr(different, name) for name in CUES] + (different.bias or 0.0)
    apart = 1 / (1 + np.exp(-logits))
    along = np.stack(
        [
            np.ones_like(apart),
            apart,
            apart < 1 - SURE,
            apart > SURE,
            *(cues[:, CUES.index(name)] for name in RELIEFS),
            np.log(apart + 1e-3),
        ],
        axis=1,
    )
    along *= graph.lengths[:, None]
    cut = cut_pairs(graph, members)
    outline = cut @ along
    inside = sums_inside(graph, members, along[:, :-1], outline[:, :-1])
    of_outline = outline[:, 1:] / np.maximum(outline[:, :1], 1)
    of_inside = inside[:, 1:] / np.maximum(inside[:, :1], 1)
    return np.concatenate(
        [outline_features(graph, members, cut), of_outline, of_inside, _roughness(graph, members)[:, None]], axis=1
    )


def _roughness(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """Return (C,) in 0..1: how far the surface of each candidate is from one plane; 0 without a surface."""
    planes = np.ascontiguousarray(members @ graph.planes, dtype=np.float64)
    squares = np.empty(len(planes))
    _native.off_planes(planes, squares)
    count, inverse = np.maximum(planes[:, 0], 1e-9), planes[:, 6]
    distance = np.sqrt(squares) / np.maximum(inverse / count, 1e-9)
    rough: np.ndarray = distance / (distance + ROUGH_HALF)
    return rough
