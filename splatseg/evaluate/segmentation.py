"""Agreement of masks and label maps with the truth.

Alphabet: masks (H,W) bool; label maps (H,W) or any shape, integers, 0 = none; d pixels, the width of a boundary band.
Every figure lies in 0..1 (the Rand index in -1..1) and is never NaN: if both sides are empty, it is 1.

Sources: boundary IoU: Cheng et al. 2021, with the settings of LERF-Mask (Gaussian Grouping, Ye et al. 2024); adjusted
Rand index: Hubert and Arabie 1985; panoptic quality: Kirillov et al. 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d

from splatseg.arrays import check_shapes

BOUNDARY_RATIO = 0.02
"""Width of the boundary band as a share of the image's diagonal."""


def iou(pred: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two masks (H,W) bool; 1 if both are empty."""
    check_shapes(pred=(pred, "H W"), truth=(truth, "H W"))
    assert pred.dtype == bool and truth.dtype == bool, (pred.dtype, truth.dtype)
    union = np.count_nonzero(pred | truth)
    return np.count_nonzero(pred & truth) / union if union else 1.0


def boundary_iou(pred: np.ndarray, truth: np.ndarray, ratio: float = BOUNDARY_RATIO) -> float:
    """Return the IoU of the inner boundary bands of two masks (H,W) bool, as in LERF-Mask; 1 if both are empty."""
    return iou(boundary(pred, ratio), boundary(truth, ratio))


def boundary(mask: np.ndarray, ratio: float = BOUNDARY_RATIO) -> np.ndarray:
    """Return the pixels of a mask (H,W) within d = max(1, round(ratio * diagonal)) of its outside: (H,W) bool.

    This is the mask minus d erosions by 3x3 ones; everything beyond the image is outside. One erosion by a square of
    2d+1, a minimum over rows and then over columns, gives the same and costs the same for every d.
    """
    height, width = mask.shape
    d = max(1, round(ratio * math.hypot(height, width)))
    eroded = mask.astype(np.uint8)
    for axis in (0, 1):
        eroded = minimum_filter1d(eroded, 2 * d + 1, axis=axis, mode="constant", cval=0)
    boundary: np.ndarray = mask & (eroded == 0)
    return boundary


def adjusted_rand_index(pred: np.ndarray, truth: np.ndarray, ignore: tuple[int, ...] = (0,)) -> float:
    """Measure the agreement of two labelings of the same pixels (any equal shapes): 1 equal, 0 as by chance.

    Pixels whose truth is one of `ignore` do not count. In `pred`, 0 is a label like any other: pixels without a
    segment. To judge views together, concatenate their label maps. 1 if no pixel counts.
    """
    table, _, _ = _contingency(pred, truth, ignore)
    pairs = table.astype(object)  # Python integers: pairs of a few million pixels overflow 64 bits when multiplied
    total = _pairs(pairs.sum())
    together = int(_pairs(pairs).sum())
    in_pred, in_truth = int(_pairs(pairs.sum(1)).sum()), int(_pairs(pairs.sum(0)).sum())
    most, expected = in_pred + in_truth, 2 * in_pred * in_truth
    if total == 0 or most * total == expected:
        return 1.0  # one label on both sides, or each pixel its own on both
    return float((2 * together * total - expected) / (most * total - expected))


@dataclass(frozen=True)
class PanopticQuality:
    """Panoptic quality and its parts."""

    pq: float
    """sq * rq."""
    sq: float
    """Mean IoU of matched segments."""
    rq: float
    """F1 of the matching."""
    matched: int
    """Number of matched segments."""
    spurious: int
    """Number of predicted segments without a match."""
    missed: int
    """Number of true segments without a match."""


def panoptic_quality(pred: np.ndarray, truth: np.ndarray, ignore: tuple[int, ...] = (0,)) -> PanopticQuality:
    """Return the panoptic quality of one class of things: segments match if their IoU is above one half.

    Pixels whose truth is one of `ignore` do not count; a predicted segment with more than half its pixels there is not
    spurious. 0 in `pred` is none. All figures are 1 if neither side has a segment.
    """
    table, labels, true_labels = _contingency(pred, truth, ignore)
    sizes = dict(zip(*np.unique(pred, return_counts=True), strict=True))
    inside, true_sizes = table.sum(1), table.sum(0)
    unions = inside[:, None] + true_sizes[None] - table
    things = labels != 0
    match = (2 * table > unions) & things[:, None]
    ious = table[match] / unions[match]
    matched = len(ious)
    unmatched = np.flatnonzero(things & ~match.any(1))
    spurious = sum(2 * int(inside[row]) >= sizes[labels[row]] for row in unmatched)
    missed = len(true_labels) - matched
    if matched + spurious + missed == 0:
        return PanopticQuality(1.0, 1.0, 1.0, 0, 0, 0)
    sq = float(ious.mean()) if matched else 0.0
    rq = matched / (matched + spurious / 2 + missed / 2)
    return PanopticQuality(sq * rq, sq, rq, matched, spurious, missed)


def _contingency(
    pred: np.ndarray, truth: np.ndarray, ignore: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (table, labels of pred, labels of truth): pixels by label pair, without ignored ones; labels ascend."""
    _check_labels(pred, truth)
    known = ~np.isin(truth, ignore)
    labels, rows = np.unique(pred[known], return_inverse=True)
    true_labels, columns = np.unique(truth[known], return_inverse=True)
    shape = (len(labels), len(true_labels))
    table = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
    return table, labels, true_labels


def _check_labels(pred: np.ndarray, truth: np.ndarray) -> None:
    if pred.shape != truth.shape:
        raise ValueError(f"label maps must have equal shapes, got {pred.shape} and {truth.shape}")
    assert pred.dtype.kind in "iub" and truth.dtype.kind in "iub", (pred.dtype, truth.dtype)


def _pairs(counts: np.ndarray) -> np.ndarray:
    pairs: np.ndarray = counts * (counts - 1) // 2
    return pairs
