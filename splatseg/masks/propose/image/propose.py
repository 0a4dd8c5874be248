"""Mask proposals for one image: overlapping masks from parts to wholes, without any model.

Steps: boundaries from colour and texture (cues); superpixels by watershed (regions); several merge trees with
different weights of the cues (merge_trees); their nodes, ranked by likeness to objects (candidates). With the surface
that a splat shows (surface), boundaries and objects are told by its shape, too (learned, objectness).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.masks.formats.rle import runs_of_regions
from splatseg.masks.propose.image.candidates import distinct, likeness, nodes_of, outlined, unlike, without_laden
from splatseg.masks.propose.image.cues import find_cues
from splatseg.masks.propose.image.learned import Learned, learned
from splatseg.masks.propose.image.merge_trees import MergeWeights, merge_regions
from splatseg.masks.propose.image.objectness import surface_features
from splatseg.masks.propose.image.regions import RegionGraph, flood, region_graph
from splatseg.masks.propose.image.surface import surface_of
from splatseg.masks.propose.proposals import Proposals
from splatseg.masks.propose.view_trees import ViewTrees, trees_of
from splatseg.resampling import nearest_pixels

HIERARCHIES = (
    MergeWeights(contrast=0.66, colour=0.32, texture=0.88, chroma=0.44, sprawl=0.49, size=0.34, patience=200),
    MergeWeights(edge=0.66, contrast=0.26, colour=0.58, texture=0.31, sprawl=0.92, above=1.89, size=0.34, patience=200),
    MergeWeights(contrast=0.19, colour=1.11, texture=0.51, open=0.46, size=1.9, patience=100),
    MergeWeights(contrast=0.51, texture=1.15, chroma=0.5, open=0.56, sprawl=0.2, size=0.35, patience=1000),
)
"""Of 50 random weightings, the four whose trees together contain the objects of seven views best (three of tabletop,
three of demo, one of kitchen), chosen one after the other."""

DIAGONAL = 800.0
"""Diagonal in pixels of the image (640x480) for which windows are stated; they grow with the image."""


@dataclass(frozen=True)
class ImageProposalSettings:
    """Settings of proposals from the image alone. Areas are shares of the image."""

    hierarchies: tuple[MergeWeights, ...] = HIERARCHIES
    """Weights of the merge trees whose nodes are the candidates."""

    smallest: float = 6e-4
    """Least area of a mask."""

    largest: float = 0.85
    """Largest area of a mask."""

    weakest: float = 0.2
    """Largest share of an outline that may be weak."""

    laden: float = 0.08
    """Area above which a mask that is mostly one surface must be nearly bare: not a table with all objects on it."""

    bare: float = 0.9
    """Least share of that surface, see `laden` [embedded demo, automatic segments: ARI 0.47 without, 0.81 with]."""

    overlap: float = 0.85
    """IoU above which the less likely of two masks is dropped."""

    most: int = 300
    """Most masks of a view."""

    longest: float = 1300.0
    """Longest diagonal in pixels; a larger image is reduced."""


KEPT_TREES = slice(1, None)
"""Of the trees that see the surface, those that are kept for borders: image and surface, and edges of both [by votes,
best nodes of six trees: these two together]."""

DEFAULTS = ImageProposalSettings()
"""The settings in use everywhere."""


def propose_masks(
    image: np.ndarray, settings: ImageProposalSettings = DEFAULTS, depth: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return masks (N,H,W) bool and scores (N,) float32 of an image (H,W,3) uint8, or (H,W) grey, best score first.

    depth (H,W): the depth of the surface along the optical axis in any unit, 0 = none, as a splat shows it. With it
    jumps of depth and edges of the surface are boundaries, too; masks are more and better.

    Masks of one tree are nested or disjoint, masks of two trees may cut each other. A score estimates the fit of the
    mask to some object, 0..1. The same image gives the same masks. An image without any boundary gives none.

    Example:
        >>> masks, scores = splatseg.propose_masks(capture.view("012.jpg").image())
        >>> masks.shape[1:], len(masks) == len(scores)
        ((120, 160), True)
    """
    found = find_candidates(image, settings, depth)
    masks, (height, width) = found.members[:, found.labels], image.shape[:2]
    return masks if masks.shape[1:] == (height, width) else nearest_pixels(masks, height, width), found.scores


def propose_reduced(
    image: np.ndarray, settings: ImageProposalSettings = DEFAULTS, depth: np.ndarray | None = None
) -> Proposals:
    """Return masks as `propose_masks`, as run lengths; those of a large image stay at the reduced size."""
    found = find_candidates(image, settings, depth)
    runs = runs_of_regions(found.members, found.labels)
    return Proposals(found.labels.shape[0], found.labels.shape[1], runs, found.scores, found.trees)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Masks of an image as sets of superpixels."""

    members: np.ndarray
    """(N,R) bool."""

    labels: np.ndarray
    """Superpixels (h,w) int32, 0..R-1."""

    scores: np.ndarray
    """(N,) float32, best first."""

    trees: ViewTrees | None
    """Merge trees on the surface that are kept, or None without a surface."""


def find_candidates(
    image: np.ndarray,
    settings: ImageProposalSettings,
    depth: np.ndarray | None = None,
    known: Learned | None = None,
) -> Candidates:
    """Return masks as sets of superpixels.

    depth (H,W), or at any other size of the same shape. known: what was learned of surfaces; None: the package's.
    """
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    check_shapes(image=(rgb, "H W 3"))
    assert image.dtype == np.uint8, image.dtype
    reduced = reduced_image(rgb, settings.longest)
    graph = graph_of(reduced, depth)
    trees = None
    if depth is None:
        members = candidates_of(graph, settings)
        scores = likeness(graph, members)
    else:
        known = known or learned()
        merged = [merge_regions(graph, tree) for tree in known.trees]
        trees = trees_of(graph.labels, merged[KEPT_TREES])
        members = candidates_of(graph, settings, merged)
        scores = likeness_on_surface(graph, members, known)
    kept = distinct(graph, members, scores, settings.overlap, settings.most)
    return Candidates(members[kept], graph.labels, scores[kept], trees)


def candidates_of(
    graph: RegionGraph, settings: ImageProposalSettings, on_surface: Sequence[tuple[np.ndarray, np.ndarray]] = ()
) -> np.ndarray:
    """Return the candidates (C,R) of a picture, among which the likeness to objects then chooses.

    on_surface: merges and costs of trees that see the surface, for a graph that has one. With the image alone, a weak
    outline tells that a candidate is none.
    """
    pixels = graph.labels.size
    ends = (settings.smallest * pixels, settings.largest * pixels)
    trees = [*(merge_regions(graph, tree) for tree in settings.hierarchies), *on_surface]
    members = unlike(np.concatenate([nodes_of(graph, merges, *ends) for merges, _ in trees]))
    if not on_surface:
        members = outlined(graph, members, settings.weakest)
    return without_laden(graph, members, settings.laden * pixels, settings.bare)


def graph_of(image: np.ndarray, depth: np.ndarray | None) -> RegionGraph:
    """Return the superpixels of an image (h,w,3) and their borders, with the surface of a depth map if there is one."""
    scale = max(float(np.hypot(*image.shape[:2])) / DIAGONAL, 0.5)
    cues = find_cues(image, scale)
    surface = None if depth is None else surface_of(nearest_pixels(depth, *image.shape[:2]), scale)
    return region_graph(flood(cues, scale), cues, surface)


def likeness_on_surface(graph: RegionGraph, members: np.ndarray, known: Learned) -> np.ndarray:
    """Return the likeness of candidates (C,R) to objects, on a surface: (C,) float32 in 0..1."""
    squares = known.likeness(surface_features(graph, members, known.different))
    found: np.ndarray = np.sqrt(np.clip(squares, 0, 1)).astype(np.float32)
    return found


def reduced_image(image: np.ndarray, longest: float) -> np.ndarray:
    """Return the image, reduced to means of blocks if its diagonal is longer than `longest` pixels."""
    factor = int(np.ceil(np.hypot(*image.shape[:2]) / longest))
    if factor <= 1:
        return image
    height, width = (max(1, size // factor) for size in image.shape[:2])
    # Blocks differ by at most one pixel in size; rows and columns are their first pixels.
    rows, columns = np.arange(height) * image.shape[0] // height, np.arange(width) * image.shape[1] // width
    total = np.add.reduceat(np.add.reduceat(image.astype(np.uint32), rows, axis=0), columns, axis=1)
    counts = np.diff([*rows, image.shape[0]])[:, None] * np.diff([*columns, image.shape[1]])
    means: np.ndarray = (total / counts[..., None]).round().astype(np.uint8)
    return means
