"""Gaussians that a camera provably does not draw: groups of them by their boxes, single ones by a pass over all.

A group is known by the box of its means and by its largest scale. A Gaussian is

    drawn:  z >= near,   mx + ex > 0,   mx - ex < W        mx = fx x / z + cx        ex = sqrt(reach (|h|^2 + eps2d))
    h = fx / z (a_x - u a_z)     |h| <= fx / z sqrt(1 + U^2) |R| s        reach <= 2 ln(1 / alpha_min)

a_x, a_y, a_z are the rows of R Q diag(scales), s its largest scale, |R| the norm of the rotation (1, but for rounding),
u = x/z clamped to the frustum and its margin, so |u| <= U. With sqrt(p + q) <= sqrt p + sqrt q and z > 0, a Gaussian is
left of the picture if

    fx x + (cx + k sqrt eps2d) z + k fx sqrt(1 + U^2) |R| s <= 0          k = sqrt(2 ln(1 / alpha_min))

which is linear in (x, y, z): it holds in a box if it holds at its corners. Right, above and below it is alike. `SLACK`
covers the rounding of float32, so no backend draws a Gaussian of a group that is left out. For a window of the picture
its sides stand for 0 and W; U stays that of the whole picture, with which the projection is made.

Alphabet: G groups; N Gaussians; P sums, one for each bound; (x, y, z) camera coordinates; W x H pixels.

Source: the projection of native/raster/ewa.h and project.cpp; ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.cameras.camera import Camera
from splatseg.raster.interface import DEFAULT_SETTINGS, RasterSettings

SLACK = 1e-5
"""Share of the largest terms that rounding may amount to: some 80 times the unit of float32, which a dozen operations
do not reach."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom side of a part of the picture, pixels."""

GROUP = 4096
"""Rows of a group of `Groups`."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The boxes of every GROUP consecutive rows of a splat.

    Where neighbours in the file are neighbours in space, few of them are in sight of a window.
    """

    boxes: np.ndarray
    """Lowest and highest mean (G,2,3), world units."""
    reaches: np.ndarray
    """Largest scale (G,), world units."""

    @classmethod
    def of(cls, means: np.ndarray, reaches: np.ndarray) -> Groups:
        """Group rows: means (N,3), and reaches (N,), their largest scales. NaN has no part in a box."""
        starts = np.arange(0, len(means), GROUP)
        if not len(starts):
            return cls(np.zeros((0, 2, 3), np.float32), np.zeros(0, np.float32))
        boxes = np.stack([np.fmin.reduceat(means, starts), np.fmax.reduceat(means, starts)], 1)
        largest = np.finfo(np.float32).max  # an infinite side would make NaN of what is added up
        return cls(boxes.clip(-largest, largest), np.fmax.reduceat(reaches, starts))

    def ranges(self, camera: Camera, window: Rectangle, settings: RasterSettings) -> list[slice]:
        """Return ranges of rows, ascending, with all Gaussians that a camera draws in a window, and some others."""
        runs = runs_in_sight(self.boxes, self.reaches, camera, settings, window) * GROUP
        return [slice(begin, end) for begin, end in runs.tolist()]


@dataclass(frozen=True)
class _Bounds:
    """Sums over (x, y, z, 1, scale): a Gaussian is drawn only if none is negative, but for `SLACK` of its terms."""

    sums: np.ndarray
    """Factors (P,5); (x, y, z) in the world."""
    terms: np.ndarray
    """Factors (P,5) of (|x|, |y|, |z|, 1, scale) that bound what is added up, in whatever order."""


def out_of_sight(
    boxes: np.ndarray,
    reaches: np.ndarray,
    camera: Camera,
    settings: RasterSettings = DEFAULT_SETTINGS,
    window: Rectangle | None = None,
) -> np.ndarray:
    """Tell which groups (G,) bool cannot be drawn by a camera, or not in a window of its picture.

    boxes (G,2,3): lowest and highest finite mean, world units; the lowest above the highest for a group without any.
    reaches (G,): largest finite scale, world units.
    """
    hidden: np.ndarray = ~np.all(boxes[:, 0] <= boxes[:, 1], axis=1)
    boxes = np.where(hidden[:, None, None], 0.0, boxes)
    sizes, scales = np.abs(boxes).max(1), reaches.astype(np.float64)
    bounds = _bounds(camera, settings, window)
    for sums, terms in zip(bounds.sums, bounds.terms, strict=True):
        highest = _highest(boxes, sums[:4]) + SLACK * (sizes @ terms[:3] + terms[3])
        hidden |= (highest if sums[4] == 0.0 else highest + (sums[4] + SLACK * terms[4]) * scales) < 0
    return hidden


def runs_in_sight(
    boxes: np.ndarray,
    reaches: np.ndarray,
    camera: Camera,
    settings: RasterSettings = DEFAULT_SETTINGS,
    window: Rectangle | None = None,
) -> np.ndarray:
    """Return the runs of consecutive groups that are not `out_of_sight`: first and end (R,2) of each, ascending."""
    seen = ~out_of_sight(boxes, reaches, camera, settings, window)
    return np.flatnonzero(np.diff(seen, prepend=False, append=False)).reshape(-1, 2)


def rows_in_sight(
    means: Tensor,
    reaches: np.ndarray,
    camera: Camera,
    window: Rectangle,
    groups: Groups | None = None,
    settings: RasterSettings = DEFAULT_SETTINGS,
) -> np.ndarray:
    """Return the rows (n,) int64, ascending, of all Gaussians that a camera draws in a window, and of some others.

    means (N,3) float32, on the processor. reaches (N,) float32: their largest scales, world units. groups: of these.
    """
    bounds = _bounds(camera, settings, window)
    slack = SLACK * bounds.terms.max(0)  # one for all sums: more than enough for each
    with np.errstate(over="ignore"):  # an infinite factor keeps every row
        factors = bounds.sums.astype(np.float32), slack.astype(np.float32)
    ranges = [slice(0, len(means))] if groups is None else groups.ranges(camera, window, settings)
    means, found = means.detach().contiguous(), [np.zeros(0, np.int64)]
    for rows in ranges:
        inside = np.empty(len(means[rows]), np.uint8)
        _native.reaching(means[rows], reaches[rows], *factors, inside, torch.get_num_threads())
        found.append(np.flatnonzero(inside.view(bool)) + rows.start)
    return np.concatenate(found)


def _bounds(camera: Camera, settings: RasterSettings, window: Rectangle | None) -> _Bounds:
    rotation, translation = camera.viewmat[:3, :3], camera.viewmat[:3, 3]
    places = np.concatenate([rotation, translation[:, None]], 1)  # of a point (x, y, z, 1)
    sizes, depth = np.abs(places), places[2]
    ahead = np.append(depth, 0.0) - (0.0, 0.0, 0.0, settings.near, 0.0)
    sums, terms = [ahead], [np.append(sizes[2], 0.0)]
    if min(camera.K[0, 0], camera.K[1, 1]) <= 0:
        return _Bounds(np.array(sums), np.array(terms))
    stretch = float(np.linalg.norm(rotation, 2))
    lows, highs = (window[:2], window[2:]) if window is not None else ((0.0, 0.0), (camera.width, camera.height))
    for side, pixels in enumerate((camera.width, camera.height)):
        focal, centre, low, high = camera.K[side, side], camera.K[side, 2], lows[side], highs[side]
        steepest = max(centre, pixels - centre, 0.0) / focal + settings.frustum_margin * 0.5 * pixels / focal
        widest = np.sqrt(2.0 * np.log(1.0 / settings.alpha_min)) * (1.0 + SLACK)
        spread = widest * focal * np.sqrt(1.0 + steepest**2) * stretch
        blur = widest * np.sqrt(settings.eps2d)
        across = focal * places[side]
        for sum_ in (across + (centre - low + blur) * depth, (high + blur - centre) * depth - across):
            sums.append(np.append(sum_, spread))
            most = abs(centre) + max(abs(low), abs(high), pixels) + blur
            terms.append(np.append(focal * sizes[side] + most * sizes[2], spread))
    return _Bounds(np.array(sums), np.array(terms))


def _highest(boxes: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the highest value (G,) of a x + b y + c z + d in boxes (G,2,3), which is that of a corner."""
    highest: np.ndarray = np.where(plane[:3] > 0, boxes[:, 1], boxes[:, 0]) @ plane[:3] + plane[3]
    return highest
