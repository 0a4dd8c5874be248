"""Masks proposed for one image, as run lengths with scores, and removal of duplicates.

Alphabet: M masks of H x W pixels; runs as in `masks.formats.rle`; masks may be nested (levels), and all are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.masks.formats.rle import area_of_runs, box_of_runs, runs_of_mask, shared_pixels, spans_of_runs
from splatseg.masks.propose.view_trees import ViewTrees


@dataclass(frozen=True, eq=False)
class Proposals:
    """Masks of one image."""

    height: int
    """H, pixels."""

    width: int
    """W, pixels."""

    runs: tuple[np.ndarray, ...]
    """Run lengths of each of the M masks."""

    scores: np.ndarray
    """Scores (M,) float32, higher = more reliable."""

    trees: ViewTrees | None = None
    """Merge trees on a surface that the masks were taken from, if they were."""

    def __post_init__(self) -> None:
        assert self.scores.shape == (len(self.runs),), (self.scores.shape, len(self.runs))

    def __len__(self) -> int:
        return len(self.runs)


def proposals_of_masks(masks: np.ndarray, scores: np.ndarray) -> Proposals:
    """Return proposals of masks (M,H,W) bool and scores (M,)."""
    check_shapes(masks=(masks, "M H W"), scores=(scores, "M"))
    runs = tuple(runs_of_mask(mask) for mask in masks)
    return Proposals(masks.shape[1], masks.shape[2], runs, np.asarray(scores, np.float32))


def without_duplicates(proposals: Proposals, iou: float) -> Proposals:
    """Return the masks by score, without empty masks and masks of an IoU above `iou` with a better mask.

    Overlaps are computed only for pairs whose areas and boxes allow such an IoU. Of equal scores the first mask is
    kept.
    """
    areas = np.array([area_of_runs(runs) for runs in proposals.runs], np.int64)
    boxes = np.array([box_of_runs(runs, proposals.height) for runs in proposals.runs], np.int64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    spans = [spans_of_runs(runs) for runs in proposals.runs]
    order = np.argsort(-proposals.scores, kind="stable")
    kept: list[int] = []
    for m in order[areas[order] > 0]:
        others = np.array(kept, np.int64)
        small, large = np.minimum(areas[others], areas[m]), np.maximum(areas[others], areas[m])
        low, high = np.maximum(boxes[others, :2], boxes[m, :2]), np.minimum(boxes[others, 2:], boxes[m, 2:])
        # The overlap lies in both boxes and in the smaller mask, which bounds the IoU.
        possible = np.minimum((high - low).clip(min=0).prod(axis=1), small)
        near = others[possible > iou * (small + large - possible)]
        shared = shared_pixels(spans[m], [spans[k] for k in near])
        if not (shared > iou * (areas[m] + areas[near] - shared)).any():
            kept.append(int(m))
    runs = tuple(proposals.runs[m] for m in kept)
    return replace(proposals, runs=runs, scores=proposals.scores[kept])
