"""Merge trees: touching regions merge one by one, the cheapest pair first, into a tree of parts and wholes.

    cost = size_sum * w_size + m / (m + patience) * (sum of the cues of the pair, weighted)      m = the smaller area

so that very small regions merge regardless of their cues. All cues are in about 0..1:

    edge, contrast        means along the common border            above      edge relative to the edges inside the two
    colour, texture       chi-square distance of histograms        lightness, chroma   distance of mean colours
    open                  the share of the smaller one's outline that is not the common border (0 = enclosed)
    sprawl                the share of the common bounding box that neither fills
    near, far valley      how far the surface at the border lies behind the mean of its two sides (`surface`)
    near, far ridge       how far it lies in front of it
    bend                  how much worse one plane explains the surface of both than the worse of two does
    gap                   difference of the mean inverse depths

The last six need the surface that a splat shows, and are 0 without it. With a `bias` the cost is the probability
1 / (1 + exp(-(weighted cues + bias))) that the two are different things, instead of the sum itself.

No single order of merging suits all objects: a lid joins its bottle because it is enclosed, stripes join their ball by
texture, a shadow joins its table by chroma. Several weightings give several trees; proposals are taken from all.

Source: Uijlings et al. 2013, "Selective search for object recognition"; Arbelaez et al. 2014, "Multiscale combinatorial
grouping". Alphabet: R regions, nodes 0..R-1 of the tree; node R + k is merge k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.masks.propose.image.cues import REFERENCE_PIXELS
from splatseg.masks.propose.image.regions import RegionGraph

CUES = (
    "edge", "contrast", "colour", "texture", "lightness", "chroma", "open", "sprawl", "above",
    "near_valley", "near_ridge", "far_valley", "far_ridge", "bend", "gap",
)  # fmt: skip
"""Cues in the order of the native code."""


@dataclass(frozen=True)
class MergeWeights:
    """Weights of the cues in the cost of merging two regions. The cues are defined in the module."""

    edge: float = 0.0
    """Weight of the mean edge along the common border."""

    contrast: float = 0.0
    """Weight of the mean contrast along the common border."""

    colour: float = 0.0
    """Weight of the distance of the histograms of colour."""

    texture: float = 0.0
    """Weight of the distance of the histograms of texture."""

    lightness: float = 0.0
    """Weight of the distance of mean lightness."""

    chroma: float = 0.0
    """Weight of the distance of mean chroma."""

    open: float = 0.0
    """Weight of the share of the smaller outline that is not the common border."""

    sprawl: float = 0.0
    """Weight of the share of the common bounding box that neither fills."""

    above: float = 0.0
    """Weight of the edge relative to the edges inside the two."""

    near_valley: float = 0.0
    """Weight of the mean near valley along the common border."""

    near_ridge: float = 0.0
    """Weight of the mean near ridge along the common border."""

    far_valley: float = 0.0
    """Weight of the mean far valley along the common border."""

    far_ridge: float = 0.0
    """Weight of the mean far ridge along the common border."""

    bend: float = 0.0
    """Weight of how much worse one plane explains both than two do."""

    gap: float = 0.0
    """Weight of the difference of the inverse depths."""

    bias: float | None = None
    """Added to the sum to give a probability; None: the sum is the cost."""

    size: float = 0.0
    """Weight of the joint area, as a share of the image."""

    patience: float = 0.0
    """Area of the smaller region at which cues count half, in pixels of a 640x480 image."""


def merge_regions(graph: RegionGraph, weights: MergeWeights) -> tuple[np.ndarray, np.ndarray]:
    """Return (merges (K,2) int64, costs (K,)): merge k makes node R + k of two earlier nodes; K = R - 1.

    At equal costs the pair with the lower numbers comes first, so the tree is the same every time.
    """
    arrays = _arrays(graph)
    merges, costs = np.empty((graph.count - 1, 2), np.int64), np.empty(graph.count - 1)
    made = _native.merge_regions(
        *arrays,
        np.array([getattr(weights, cue) for cue in CUES], dtype=float),
        weights.bias or 0.0,
        weights.size,
        weights.patience * graph.labels.size / REFERENCE_PIXELS,
        weights.bias is not None,
        merges,
        costs,
    )
    return merges[:made], costs[:made]


def border_cues(graph: RegionGraph) -> np.ndarray:
    """Return the cues (E,15) of all pairs of regions, in the order of `CUES`."""
    cues = np.empty((len(graph.pairs), len(CUES)))
    _native.border_cues(*_arrays(graph), cues)
    return cues


def _arrays(graph: RegionGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Return a graph as native/regions/merge.h reads it: regions, histograms, pairs, borders, pixels."""
    columns = [
        graph.areas[:, None],
        outlines(graph)[:, None],
        graph.inner[:, None],
        graph.lab,
        graph.boxes * [-1, -1, 1, 1],  # the box around two is then their maximum
        graph.planes,
    ]
    borders = np.concatenate([np.stack([graph.lengths, graph.edges, graph.contrasts], axis=1), graph.reliefs], axis=1)
    regions = np.ascontiguousarray(np.concatenate(columns, axis=1))
    histograms = np.ascontiguousarray(graph.histograms / graph.areas[:, None], dtype=np.float32)
    pairs = np.ascontiguousarray(graph.pairs, dtype=np.int64)
    return regions, histograms, pairs, np.ascontiguousarray(borders), float(graph.labels.size)


def outlines(graph: RegionGraph) -> np.ndarray:
    """Return the outline (R,) of every region in pixel sides: on the image's border and along all others."""
    outline = graph.frames.copy()
    np.add.at(outline, graph.pairs.ravel(), np.repeat(graph.lengths, 2))
    return outline
