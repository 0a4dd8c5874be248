"""Features by which candidates on a splat's surface are told from chance unions of regions.

Beside those of `candidates.outline_features`: how sure it is that the regions on the two sides of the outline are of
different objects, and of the pairs inside; relief, gap and bend along the outline and inside; and how far the surface
is from one plane. Alphabet as in `candidates`.
"""

from __future__ import annotations

import numpy as np

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
    n, x, y, xx, xy, yy, q, qx, qy, qq = (members @ graph.planes).T
    n = np.maximum(n, 1e-9)
    little = 1e-7 * n  # keeps lines and points solvable
    xx, xy, yy = xx - x * x / n + little, xy - x * y / n, yy - y * y / n + little
    xq, yq, off = qx - x * q / n, qy - y * q / n, qq - q * q / n
    determinant = xx * yy - xy * xy
    slope_x, slope_y = (xq * yy - yq * xy) / determinant, (yq * xx - xq * xy) / determinant
    distance = np.sqrt(np.maximum(off - slope_x * xq - slope_y * yq, 0) / n) / np.maximum(q / n, 1e-9)
    rough: np.ndarray = distance / (distance + ROUGH_HALF)
    return rough
