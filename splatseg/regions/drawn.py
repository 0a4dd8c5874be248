"""Drawn regions: the pixels of a picture that a lasso, a brush or a rectangle holds.

A pixel is in a region if its centre is: (column + 0.5, row + 0.5). A lasso is a polygon, closed from its last point to
its first, inside by the even-odd rule: a pixel is inside if a ray from it crosses the outline an odd number of times. A
brush holds all points within its radius of a polyline. Both are filled row by row: a row's centre line crosses the
outline, or each piece of the stroke, at a few places, and sums from the left count them.

Alphabet: H x W pixels; P points (P,2) as (x, y) in pixels, which may lie outside the picture; S = P - 1 segments.

Source: the even-odd rule as in SVG 2, section 13.4.1 (fill-rule).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splatseg.errors import PromptError

Points = Sequence[tuple[float, float]] | np.ndarray
"""Points (P,2) as (x, y) in pixels."""

SEGMENTS_AT_ONCE = 256
"""Segments of a stroke that are filled together: their rows take memory."""


def lasso_pixels(points: Points, width: int, height: int) -> np.ndarray:
    """Return (H,W) bool: the pixels inside a polygon by the even-odd rule.

    Raises PromptError for fewer than three points, and for points that are not finite.
    """
    start = _checked(points, 3, "a lasso")
    end = np.roll(start, -1, axis=0)
    rows = np.arange(height)[:, None] + 0.5
    crossed = (start[:, 1] <= rows) != (end[:, 1] <= rows)
    row, edge = np.nonzero(crossed)
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    x = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    toggles = np.zeros((height, width + 1), dtype=np.int32)
    np.add.at(toggles, (row, _first_centre_after(x, width)), 1)
    inside: np.ndarray = (toggles.cumsum(axis=1)[:, :width] & 1).astype(bool)
    return inside


def brush_pixels(points: Points, radius: float, width: int, height: int) -> np.ndarray:
    """Return (H,W) bool: the pixels within `radius` pixels of a polyline; of a disc around a single point.

    Raises PromptError for no points, points that are not finite, and a radius that is not above 0.
    """
    points = _checked(points, 1, "a stroke")
    if not 0.0 < radius < np.inf:
        raise PromptError(f"the radius of the brush is {radius:g} pixels; give a number above 0")
    start, end = (points, points) if len(points) == 1 else (points[:-1], points[1:])
    counts = np.zeros((height, width + 1), dtype=np.int32)
    for first in range(0, len(start), SEGMENTS_AT_ONCE):
        some = slice(first, first + SEGMENTS_AT_ONCE)
        left, right = _spans(start[some], end[some], radius, np.arange(height)[:, None] + 0.5)
        row, segment = np.nonzero(left <= right)
        np.add.at(counts, (row, _first_centre_after(left[row, segment], width)), 1)
        np.add.at(counts, (row, _first_centre_after(np.nextafter(right[row, segment], np.inf), width)), -1)
    inside: np.ndarray = counts.cumsum(axis=1)[:, :width] > 0
    return inside


def rectangle_pixels(box: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
    """Return (H,W) bool: the pixels of a rectangle, two opposite corners x0, y0, x1, y1 in any order.

    Raises PromptError for corners that are not finite.
    """
    corners = _checked(np.reshape(np.asarray(box, dtype=np.float64), (2, 2)), 2, "a rectangle")
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    inside: np.ndarray = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    return inside


def _spans(start: np.ndarray, end: np.ndarray, radius: float, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where rows (H,1) enter and leave the points within `radius` of each segment: (H,S) each, of x.

    A row that passes by gets an empty span, from infinity to minus infinity. The shape is convex, so its span is that
    of its parts together: a disc around either end, and the rectangle between them.
    """
    left = np.full((len(rows), len(start)), np.inf)
    right = -left
    for centre in (start, end):
        half = radius**2 - (rows - centre[:, 1]) ** 2
        reached = half >= 0
        half = np.sqrt(np.where(reached, half, 0.0))
        np.minimum(left, centre[:, 0] - half, out=left, where=reached)
        np.maximum(right, centre[:, 0] + half, out=right, where=reached)
    along = end - start
    length = np.hypot(*along.T)[:, None]
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) * (radius / np.where(length > 0, length, 1.0))
    corners = (start + aside, end + aside, end - aside, start - aside)
    for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
        crossed = (one[:, 1] <= rows) != (other[:, 1] <= rows)
        rise = np.where(one[:, 1] != other[:, 1], other[:, 1] - one[:, 1], 1.0)
        x = one[:, 0] + (rows - one[:, 1]) * (other[:, 0] - one[:, 0]) / rise
        np.minimum(left, x, out=left, where=crossed)
        np.maximum(right, x, out=right, where=crossed)
    return left, right


def _first_centre_after(x: np.ndarray, width: int) -> np.ndarray:
    """Return the first column whose centre is at x or right of it, 0..width."""
    return np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)


def _checked(points: Points, least: int, what: str) -> np.ndarray:
    """Return points as float64. Raises PromptError for fewer than `least`, and for some that are not finite."""
    found = np.asarray(points, dtype=np.float64)
    if found.ndim != 2 or found.shape[1:] != (2,) or len(found) < least:
        raise PromptError(f"{what} has points (x, y), at least {least}; an array of shape {found.shape} was given")
    if not np.isfinite(found).all():
        raise PromptError(f"a point of {what} is not finite; give pixels (x, y)")
    return found
