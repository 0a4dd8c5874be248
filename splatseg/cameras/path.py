"""Smooth camera paths through keyframes, which a user sets or which are the views of a capture.

Alphabet: keyframes k = 0..n-1 with positions p_k (3,) and rotations R_k; knots u_k; F frames of the path.

Positions follow a natural cubic spline, rotations SciPy's rotation spline, both with continuous acceleration, over
centripetal knots u_{k+1} - u_k = sqrt(s_k) (Lee 1989), which neither overshoot nor make loops. The length of a step
s_k = |p_{k+1} - p_k| + r * angle(R_k, R_{k+1}) counts turning as well as moving; r makes both count the same over the
whole path. Frames are taken at equal lengths along the curve, so that the speed is even.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline

from splatseg.cameras.camera import Camera, impossible
from splatseg.errors import CaptureError
from splatseg.spread import spread

STEPS_BETWEEN = 32
"""Points on the curve between two keyframes, for measuring its length."""

STRAY = 6.0
"""A camera is an outlier if its distance from the median position is more than this many times the median distance."""

DETOUR = 1.5
"""Views in name order are a path unless it is longer than this many times a short tour through all of them."""

MOST_KEYFRAMES = 400
"""Most views taken as keyframes: more add nothing to a smooth path."""

SMOOTHING = 1 / 24
"""Width of the Gaussian that smooths a path of views, as a share of the number of views; it is at least one view."""


def path_through(keyframes: Sequence[Camera], frames: int) -> tuple[Camera, ...]:
    """Return `frames` cameras on a smooth path through the keyframes, from the first to the last, at an even speed.

    The keyframes must have one size; focal lengths and principal points change gradually from one to the next.

    Raises CaptureError if there are fewer than two different keyframes, or one that no camera can have.

    Example:
        >>> keyframes = [scene.view(name).camera for name in ("000.jpg", "005.jpg")]
        >>> len(splatseg.path_through(keyframes, 10))
        10
    """
    sizes = {(camera.width, camera.height) for camera in keyframes}
    if len(sizes) > 1:
        raise ValueError(f"keyframes must have one size, got {sorted(sizes)}; use `reframed`")
    for number, camera in enumerate(keyframes, start=1):
        if fault := impossible(camera):
            raise CaptureError(f"keyframe {number} is impossible, {fault}; place it again")
    positions, rotations = _poses(keyframes)
    lengths = _step_lengths(positions, rotations)
    kept = np.concatenate([[True], lengths > 1e-9]) if len(keyframes) else np.zeros(0, bool)
    if kept.sum() < 2:
        raise CaptureError(
            f"a path needs at least two different keyframes, and there "
            f"{'are none' if not len(kept) else 'is one'}; add another camera"
        )
    positions, rotations, lengths = positions[kept], rotations[np.flatnonzero(kept)], lengths[lengths > 1e-9]
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(lengths))])
    along, turning = CubicSpline(knots, positions, bc_type="natural"), RotationSpline(knots, rotations)
    lenses = np.array([_lens(camera) for camera, keep in zip(keyframes, kept, strict=True) if keep])
    lens = PchipInterpolator(knots, lenses)
    times = _even_times(along, turning, knots, frames)
    width, height = sizes.pop()
    return tuple(
        _camera(position, rotation, values, width, height)
        for position, rotation, values in zip(along(times), turning(times).as_matrix(), lens(times), strict=True)
    )


def path_of_views(cameras: Sequence[Camera]) -> tuple[Camera, ...]:
    """Return keyframes of a calm path along the cameras of a capture, given in name order.

    Outliers are left out. If name order jumps about, a short tour through all cameras is taken instead. Then positions
    and directions are smoothed, so that the path goes along the views and not through each.
    """
    kept = [cameras[index] for index in _without_strays(np.array([c.position for c in cameras]).reshape(-1, 3))]
    kept = spread(kept, MOST_KEYFRAMES)
    if len(kept) < 3:
        return tuple(kept)
    positions = np.array([camera.position for camera in kept])
    tour = _short_tour(positions)
    if _length(positions) > DETOUR * _length(positions[tour]):
        kept = [kept[index] for index in tour]
    return _smoothed(kept)


def reframed(camera: Camera, width: int, height: int) -> Camera:
    """Return the camera with a picture of another shape and the same angle of view along the diagonal.

    For the same shape it is `camera.resized`. Otherwise a wider picture shows a little more at its sides and a little
    less above and below.
    """
    scale = math.hypot(width, height) / math.hypot(camera.width, camera.height)
    K = camera.K.copy()
    K[:2, :2] *= scale
    K[0, 2] *= width / camera.width
    K[1, 2] *= height / camera.height
    return Camera(camera.viewmat, K, width, height)


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders numbers in names by value: "view 9" before "view 10"."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _poses(cameras: Sequence[Camera]) -> tuple[np.ndarray, Rotation]:
    """Return positions (n,3) and rotations from camera to world."""
    positions = np.array([camera.position for camera in cameras]).reshape(-1, 3)
    matrices = np.array([camera.viewmat[:3, :3].T for camera in cameras]).reshape(-1, 3, 3)
    return positions, Rotation.from_matrix(matrices)


def _step_lengths(positions: np.ndarray, rotations: Rotation) -> np.ndarray:
    """Return the lengths s_k (n-1,) of the steps between poses: moving and turning (see the module)."""
    moved = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    turned = (rotations[:-1].inv() * rotations[1:]).magnitude() if len(positions) > 1 else np.zeros(0)
    # r makes both sums equal. A path that only turns, or only moves, is measured by that alone.
    both = moved.sum() > 1e-9 and turned.sum() > 1e-9
    lengths: np.ndarray = moved + turned * (moved.sum() / turned.sum() if both else 1.0)
    return lengths


def _even_times(along: CubicSpline, turning: RotationSpline, knots: np.ndarray, frames: int) -> np.ndarray:
    """Return parameters (F,) at equal lengths along the curve, both ends included."""
    fine = np.concatenate([np.linspace(a, b, STEPS_BETWEEN, endpoint=False) for a, b in itertools.pairwise(knots)])
    fine = np.append(fine, knots[-1])
    reached = np.concatenate([[0.0], np.cumsum(_step_lengths(along(fine), turning(fine)))])
    # Beside a step of astronomical length a short one has none, and a curve needs lengths that rise.
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(reached)) > 0])
    reached, fine = reached[rising], fine[rising]
    # Invert length over time by a smooth curve: with straight lines the speed would jump a little at every point.
    times = PchipInterpolator(reached, fine)(np.linspace(0.0, reached[-1], frames))
    even: np.ndarray = np.clip(times, knots[0], knots[-1])
    return even


def _lens(camera: Camera) -> list[float]:
    """Return numbers to interpolate: logarithms of the focal lengths (for an even zoom), skew, principal point."""
    K = camera.K
    return [math.log(K[0, 0]), math.log(K[1, 1]), K[0, 1], K[0, 2], K[1, 2]]


def _camera(position: np.ndarray, rotation: np.ndarray, lens: np.ndarray, width: int, height: int) -> Camera:
    """Return the camera of a pose and of the numbers of `_lens`."""
    fx, fy, skew, cx, cy = math.exp(lens[0]), math.exp(lens[1]), *lens[2:]
    K = np.array([[fx, skew, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    return Camera.placed(rotation, position, K, width, height)


def _without_strays(positions: np.ndarray) -> np.ndarray:
    """Return the indices of the positions (n,3) that are not outliers (`STRAY`)."""
    if len(positions) < 4:
        return np.arange(len(positions))
    away = np.linalg.norm(positions - np.median(positions, axis=0), axis=1)
    return np.flatnonzero(away <= STRAY * max(float(np.median(away)), 1e-9))


def _length(positions: np.ndarray) -> float:
    """Return the length of straight lines through positions (n,3) in their order."""
    return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())


def _short_tour(positions: np.ndarray) -> np.ndarray:
    """Return an order (n,) of points with few long steps: nearest neighbours first, then 2-opt (Croes 1958)."""
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    tour, left = [0], set(range(1, len(positions)))
    while left:
        rest = sorted(left)
        tour.append(rest[int(distances[tour[-1], rest].argmin())])
        left.remove(tour[-1])
    order = np.array(tour)
    for _ in range(20):
        if not _two_opt(order, distances):
            break
    return order


def _two_opt(order: np.ndarray, distances: np.ndarray) -> bool:
    """Reverse stretches i..j of an open tour where that shortens it; return True if any was reversed."""
    improved = False
    for i in range(1, len(order) - 1):
        before, first = order[i - 1], order[i]
        ends = order[i + 1 :]
        after = np.append(order[i + 2 :], -1)
        # Change in length for every end j of the stretch: the edge before it, and the edge after it if there is one.
        change = distances[before, ends] - distances[before, first]
        change[:-1] += distances[first, after[:-1]] - distances[ends[:-1], after[:-1]]
        best = int(change.argmin())
        if change[best] < -1e-9:
            order[i : i + best + 2] = order[i : i + best + 2][::-1].copy()
            improved = True
    return improved


def _smoothed(cameras: Sequence[Camera]) -> tuple[Camera, ...]:
    """Return the cameras with each pose the mean of its neighbours' poses, under a Gaussian over the order."""
    width = max(SMOOTHING * len(cameras), 1.0)
    positions, rotations = _poses(cameras)
    places = np.arange(len(cameras))
    smooth = []
    for place, camera in enumerate(cameras):
        # Narrower towards the ends, where a one-sided mean would pull the path inwards.
        reach = min(width, max(min(place, len(cameras) - 1 - place) / 2, 0.25))
        weights = np.exp(-0.5 * ((places - place) / reach) ** 2)
        near = weights > 1e-3
        position = weights[near] @ positions[near] / weights[near].sum()
        rotation = rotations[near].mean(weights[near]).as_matrix()
        smooth.append(_camera(position, rotation, np.array(_lens(camera)), camera.width, camera.height))
    return tuple(smooth)
