"""A closed path around the point that the cameras of a capture look at, for a film of the scene from all sides.

Alphabet: cameras at positions p_v with optical axes a_v (unit); focus f, the point nearest to all axes; up u (unit).
Seen from f, a camera has an azimuth around u and an elevation above the plane across u.

The focus minimises sum_v |(I - a_v a_v^T)(f - p_v)|, by reweighted least squares (Weiszfeld 1937), so that single
cameras that look elsewhere do not move it. Up is the direction most nearly perpendicular to all cameras' x axes (nobody
rolls a camera), if the cameras look in different directions; otherwise it is the mean of their -y axes.

Cameras around the focus give a full circle at their median height and distance. Cameras on one side give a gentle
ellipse within the azimuths and elevations that they cover: from beyond these no photograph shows the scene.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import CaptureError

MEETING = 0.05
"""Least spread of optical axes that meet in a meaningful point: the smallest eigenvalue of the mean of I - a a^T; 0.05
is about 13 degrees."""

ALL_AROUND = math.radians(120.0)
"""Widest gap in azimuth, in radians, of cameras that stand around the focus."""

INSIDE = 0.6
"""Extent of the ellipse, as a share of the way to the outermost azimuths and elevations."""

SWAY = math.radians(3.0)
"""Least sway of an ellipse in azimuth, to each side, in radians: less is no visible movement. A third in elevation."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """A closed path around a focus, looking at it: azimuth and elevation are functions of time, the distance is one."""

    focus: np.ndarray
    """Centre of the path, (3,) world units."""

    axes: np.ndarray
    """Unit vectors (3,3) in rows: the direction of azimuth 0, that of azimuth 90 degrees, and up."""

    distance: float
    """Distance of the cameras from the focus, world units."""

    azimuth: float
    """Azimuth in radians at the start of a circle, or of the middle of an ellipse."""

    elevation: float
    """Elevation in radians of a circle, or of the middle of an ellipse."""

    sway: tuple[float, float] | None = None
    """Half-axes of the ellipse in azimuth and elevation, radians; None for a full circle."""

    def cameras(self, frames: int, K: np.ndarray, width: int, height: int) -> tuple[Camera, ...]:
        """Return `frames` cameras at even steps along the path; the last is one step before the first."""
        turns = 2 * math.pi * np.arange(frames) / frames
        return tuple(looking_at(self.focus, self._position(turn), self.axes[2], K, width, height) for turn in turns)

    def _position(self, turn: float) -> np.ndarray:
        azimuth, elevation = self.azimuth + turn, self.elevation
        if self.sway is not None:
            azimuth = self.azimuth + self.sway[0] * math.sin(turn)
            elevation = self.elevation + self.sway[1] * math.cos(turn)
        flat = math.cos(azimuth) * self.axes[0] + math.sin(azimuth) * self.axes[1]
        direction = math.cos(elevation) * flat + math.sin(elevation) * self.axes[2]
        position: np.ndarray = self.focus + self.distance * direction
        return position


def orbit_of(cameras: Sequence[Camera], depth: float | None = None) -> Orbit:
    """Return the orbit that fits the cameras of a capture.

    depth: distance of the scene from the cameras in world units, for cameras that all look in one direction, whose axes
    do not meet. None: twice the extent of the cameras.

    Raises CaptureError if there are no cameras.
    """
    if not cameras:
        raise CaptureError("an orbit follows the cameras of a capture, and there are none; give a capture with views")
    positions = np.stack([camera.position for camera in cameras])
    forward = np.stack([camera.viewmat[2, :3] for camera in cameras])
    up = _up(cameras)
    focus = focus_of(positions, forward, depth)
    axes = frame_of(up, positions[0] - focus)
    seen = (positions - focus) @ axes.T
    azimuths, flat = np.arctan2(seen[:, 1], seen[:, 0]), np.hypot(seen[:, 0], seen[:, 1])
    gap, start = _widest_gap(azimuths)
    if gap <= ALL_AROUND:
        across, height = float(np.median(flat)), float(np.median(seen[:, 2]))
        return Orbit(focus, axes, math.hypot(across, height), 0.0, math.atan2(height, across))
    # Count azimuths from the end of the gap, so that none jumps by a full turn.
    azimuths = start + np.mod(azimuths - start, 2 * math.pi)
    elevations = np.arctan2(seen[:, 2], flat)
    (west, east), (low, high) = (np.quantile(angles, (0.05, 0.95)) for angles in (azimuths, elevations))
    sway = (max(INSIDE * (east - west) / 2, SWAY), max(INSIDE * (high - low) / 2, SWAY / 3))
    distance = float(np.median(np.linalg.norm(seen, axis=1)))
    return Orbit(focus, axes, distance, float(west + east) / 2, float(low + high) / 2, sway)


def orbit_around(points: np.ndarray, up: np.ndarray, angle: float, elevation: float = math.radians(25.0)) -> Orbit:
    """Return a full circle around points (P,3) without known cameras, from which the points fill an angle of view.

    The focus is the middle of the box around the points, without the outermost 2 % on each side; 95 % of them fit into
    the picture. up (3,); angle: the angle of view of the picture's shorter side; angle and elevation in radians.
    """
    focus = np.quantile(points, (0.02, 0.98), axis=0).mean(0)
    radius = float(np.quantile(np.linalg.norm(points - focus, axis=1), 0.95))
    distance = max(radius, 1e-6) / math.sin(angle / 2)
    return Orbit(focus, frame_of(up, np.array([0.0, 0.0, -1.0])), distance, 0.0, elevation)


def focus_of(positions: np.ndarray, forward: np.ndarray, depth: float | None = None) -> np.ndarray:
    """Return the point (3,) that cameras at positions (V,3) with optical axes forward (V,3) look at.

    If the axes do not meet, or meet behind the cameras, it is the point at `depth` in front of the cameras' middle;
    depth as in `orbit_of`.
    """
    # Projectors (V,3,3) onto the plane across each axis: the distance of f from axis v is |across_v (f - p_v)|.
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    if np.linalg.eigvalsh(across.mean(0))[0] > MEETING:
        weights = np.ones(len(positions))
        for _ in range(20):
            weighted = weights[:, None, None] * across
            focus = np.linalg.solve(weighted.sum(0), np.einsum("vij,vj->i", weighted, positions))
            # Weiszfeld: 1 / distance turns the sum of squares into a sum of distances. The floor keeps it finite.
            misses = np.linalg.norm(np.einsum("vij,vj->vi", across, focus - positions), axis=1)
            weights = 1.0 / np.maximum(misses, 1e-3 * np.median(np.linalg.norm(positions - focus, axis=1)) + 1e-12)
        if np.median(np.einsum("vi,vi->v", focus - positions, forward)) > 0:
            return focus
    middle, ahead = np.median(positions, axis=0), forward.mean(0)
    extent = float(np.linalg.norm(np.ptp(positions, axis=0))) or 1.0
    before: np.ndarray = middle + ahead / max(float(np.linalg.norm(ahead)), 1e-9) * (depth or 2 * extent)
    return before


def frame_of(up: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Return the axes (3,3) of an orbit, unit rows: `towards` without its part along `up`, a quarter turn on, and up.

    Raises ValueError if `up` is zero.
    """
    up = up / np.linalg.norm(up)
    for candidate in (towards, *np.eye(3)):
        flat = candidate - (candidate @ up) * up
        length = float(np.linalg.norm(flat))
        if length > 1e-6 * max(float(np.linalg.norm(candidate)), 1e-12):
            return np.stack([flat / length, np.cross(up, flat / length), up])
    raise ValueError("up must not be zero")


def looking_at(
    focus: np.ndarray, position: np.ndarray, up: np.ndarray, K: np.ndarray, width: int, height: int
) -> Camera:
    """Return a camera at a position (3,) that looks at the focus (3,), with `up` (3,) upwards in its picture."""
    forward = (focus - position) / np.linalg.norm(focus - position)
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-9:  # it looks along up: any other direction serves
        right = np.cross(forward, np.roll(up, 1))
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    return Camera.placed(axes, position, K, width, height)


def _up(cameras: Sequence[Camera]) -> np.ndarray:
    """Return the up direction (3,) of cameras (see the module)."""
    right = np.stack([camera.viewmat[0, :3] for camera in cameras])
    mean = -np.stack([camera.viewmat[1, :3] for camera in cameras]).mean(0)
    values, vectors = np.linalg.eigh(right.T @ right / len(cameras))
    across = vectors[:, 0]
    # Only if the x axes span a plane, and its normal is clearly on one side of the cameras' own up.
    if values[1] > MEETING and values[0] < 0.2 * values[1] and abs(across @ mean) > 0.3:
        up: np.ndarray = across * np.sign(across @ mean)
        return up
    return mean if np.linalg.norm(mean) > 1e-6 else -cameras[0].viewmat[1, :3]


def _widest_gap(azimuths: np.ndarray) -> tuple[float, float]:
    """Return the widest angle in azimuth without a camera, and the azimuth where it ends."""
    ordered = np.sort(azimuths)
    gaps = np.diff(ordered, append=ordered[0] + 2 * math.pi)
    widest = int(gaps.argmax())
    return float(gaps[widest]), float(ordered[(widest + 1) % len(ordered)])
