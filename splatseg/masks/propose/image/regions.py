"""Superpixels by watershed, and the graph of touching superpixels.

Alphabet: R regions, numbered 0..R-1 in `labels` (H,W); E pairs of regions that share a border. All data of a region are
sums over its pixels, and all data of a pair are sums over its border, so that regions merge by addition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from splatseg.masks.propose.image.cues import Cues
from splatseg.masks.propose.image.surface import Surface

EDGE_SHARE = 0.7
"""Share of the sharp edge in the relief that is flooded; the rest is contrast, which closes gaps."""


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """Regions and pairs of touching regions. Values are sums, not means; float64."""

    labels: np.ndarray
    """Region of every pixel, (H,W) int32."""

    areas: np.ndarray
    """Pixels of each region, (R,)."""

    frames: np.ndarray
    """Pixel sides of each region on the image's own border, (R,)."""

    lab: np.ndarray
    """Sums of OKLab colours, (R,3)."""

    histograms: np.ndarray
    """Sums of the soft histograms, colours then textures, (R,34)."""

    inner: np.ndarray
    """Sum of the edge cue inside each region, (R,)."""

    boxes: np.ndarray
    """Bounding boxes (R,4): top, left, bottom, right."""

    pairs: np.ndarray
    """Pairs of regions that share a border, (E,2), the lower number first."""

    lengths: np.ndarray
    """Lengths of the common borders in pixel sides, (E,)."""

    edges: np.ndarray
    """Sums of the edge cue along the common borders, (E,)."""

    contrasts: np.ndarray
    """Sums of the contrast cue along the common borders, (E,)."""

    planes: np.ndarray
    """Sums of 1, x, y, xx, xy, yy, q, qx, qy, qq over each region's surface, (R,10): q is the inverse depth, x and
    y lie in -0.5..0.5 of the image's width; all 0 without a surface."""

    reliefs: np.ndarray
    """Sums of the surface's four cues along the common borders, (E,4); 0 without a surface."""

    @property
    def count(self) -> int:
        """R, the number of regions."""
        return len(self.areas)


def flood(cues: Cues, scale: float) -> np.ndarray:
    """Return superpixels (H,W) int32, 0..R-1: basins of the relief, one for each minimum of its blur."""
    from skimage.segmentation import watershed  # noqa: PLC0415 (commands that propose nothing import this module, too)

    relief = EDGE_SHARE * cues.edge + (1 - EDGE_SHARE) * cues.contrast
    blurred = ndimage.gaussian_filter(relief, 1.5 * scale)
    window = 2 * round(3 * scale) + 1
    # A pixel that equals the least of its window is a minimum; minima that touch, also at corners, are one seed.
    seeds, count = ndimage.label(blurred <= ndimage.minimum_filter(blurred, window), np.ones((3, 3)))
    return watershed(relief, seeds).astype(np.int32) - 1 if count > 1 else np.zeros(relief.shape, np.int32)


def region_graph(labels: np.ndarray, cues: Cues, surface: Surface | None = None) -> RegionGraph:
    """Return the sums over regions and over their borders, with those of the surface if there is one."""
    count = int(labels.max()) + 1
    reliefs = surface.reliefs if surface else ()

    def summed(plane: np.ndarray) -> np.ndarray:
        return np.bincount(labels.ravel(), plane.ravel(), count)

    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    pairs, lengths, (edges, contrasts, *along) = _borders(labels, count, (cues.edge, cues.contrast, *reliefs))
    boxes = [[y.start, x.start, y.stop, x.stop] for y, x in ndimage.find_objects(labels + 1)]
    return RegionGraph(
        labels=labels,
        areas=np.bincount(labels.ravel(), minlength=count).astype(float),
        frames=np.bincount(border, minlength=count).astype(float),
        lab=np.stack([summed(plane) for plane in cues.lab], axis=1),
        histograms=np.stack([summed(plane) for plane in (*cues.colours, *cues.textures)], axis=1),
        inner=summed(cues.edge),
        boxes=np.array(boxes, dtype=float),
        pairs=pairs,
        lengths=lengths,
        edges=edges,
        contrasts=contrasts,
        planes=_plane_sums(labels, count, surface.inverse) if surface else np.zeros((count, 10)),
        reliefs=np.stack(along, axis=1) if along else np.zeros((len(pairs), 4)),
    )


def _plane_sums(labels: np.ndarray, count: int, inverse: np.ndarray) -> np.ndarray:
    """Return the sums (R,10) from which planes are fitted to the inverse depth, over pixels that have one."""
    height, width = labels.shape
    y, x = np.mgrid[:height, :width].astype(float)
    x, y, q = (x - width / 2) / width, (y - height / 2) / width, inverse.astype(float)
    seen = inverse > 0
    terms = (np.ones_like(q), x, y, x * x, x * y, y * y, q, q * x, q * y, q * q)
    return np.stack([np.bincount(labels[seen], term[seen], count) for term in terms], axis=1)


def _borders(
    labels: np.ndarray, count: int, planes: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return (pairs (E,2), lengths (E,), sums (E,) of each plane); a pixel side has the larger value of its pixels."""
    keys, values = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[first], labels[second]
        differ = a != b
        low, high = np.minimum(a, b)[differ].astype(np.int64), np.maximum(a, b)[differ]
        # A pair as one number, low * count + high, so that one `unique` finds all pairs.
        keys.append(low * count + high)
        values.append([np.maximum(plane[first], plane[second])[differ] for plane in planes])
    found, place = np.unique(np.concatenate(keys), return_inverse=True)
    sums = [np.bincount(place, np.concatenate([part[i] for part in values]), len(found)) for i in range(len(planes))]
    pairs = np.stack([found // count, found % count], axis=1)
    return pairs, np.bincount(place, minlength=len(found)).astype(float), sums
