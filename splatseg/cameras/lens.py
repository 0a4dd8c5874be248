"""Lenses: where in a photograph a ray from the camera's centre falls, and from where a pixel's light came.

Alphabet: rays (P,3) in camera coordinates, OpenCV axes, of any length; pixels (P,2) as (x, y), the centre of the first
at (0.5, 0.5); q (P,2) points of a plane without pixels.

A lens maps in three steps, each with an inverse:

    plane      ray -> q      by its kind: perspective X/Z, fisheye angle, FOV, division, EUCM, longitude and latitude
    distortion q -> q'       q' = d(r) q + 2 (q.p) q + r^2 p + (s0 r^2 + s1 r^4, s2 r^2 + s3 r^4),    r = |q|
                             d(r) = (1 + k1 r^2 + k2 r^4 + ...) / (1 + m1 r^2 + m2 r^4 + ...)
    pixels     q' -> x       focal * q' + centre

A chained distortion (Project Aria's) applies the terms of p and s to d(r) q instead of q. The polynomial d is fitted to
the picture and may fold back outside it: a lens sees only up to the radius at which d(r) r stops growing.

Sources: COLMAP's camera models; Devernay and Faugeras 2001 (FOV); Fitzgibbon 2001 (division); Khomutenko et al. 2016
(EUCM); Kannala and Brandt 2006 (fisheye).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

PERSPECTIVE, FISHEYE, FOV, DIVISION, EUCM, PANORAMA = "perspective", "fisheye", "fov", "division", "eucm", "panorama"

KINDS = (PERSPECTIVE, FISHEYE, FOV, DIVISION, EUCM, PANORAMA)
"""All kinds of planes."""

SHAPES = {FOV: 1, DIVISION: 1, EUCM: 2}
"""Number of parameters of those planes that have any."""

WIDEST = math.radians(89.0)
"""Angle from the axis up to which a perspective plane is used, radians: it has no point at 90 degrees."""

SAMPLES = 4096
"""Radii at which it is looked whether d(r) r still grows, and from whose table an inverse begins."""

ROUNDS = 30
"""Newton steps of an inverse at most; from the table it takes 2 to 5."""


@dataclass(frozen=True)
class Lens:
    """A lens in front of a picture of width x height pixels.

    Example:
        >>> lens = Lens("fisheye", (110.0, 110.0), (160.0, 120.0), 320, 240)
        >>> lens.project(np.array([[1.0, 0.0, 1.0]])).round(2)
        array([[246.39, 120.  ]])
    """

    kind: str
    """perspective, fisheye, fov, division, eucm or panorama."""

    focal: tuple[float, float]
    """Pixels a unit of the plane, in x and in y."""

    centre: tuple[float, float]
    """Pixel of the axis, (x, y)."""

    width: int
    """Width of the picture in pixels."""

    height: int
    """Height of the picture in pixels."""

    radial: tuple[float, ...] = ()
    """k1, k2, ..., the numerator of d."""

    divisor: tuple[float, ...] = ()
    """m1, m2, ..., the denominator of d."""

    tangential: tuple[float, float] = (0.0, 0.0)
    """p, a lens that does not stand parallel to the sensor. OpenCV's (p1, p2) are (y, x) here."""

    prism: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """s0 .. s3, a lens that is a thin prism, too."""

    shape: tuple[float, ...] = ()
    """Parameters of the plane: omega (fov), k (division), alpha and beta (eucm)."""

    chained: bool = False
    """Tangential and prism terms take the radially distorted point."""

    @property
    def is_pinhole(self) -> bool:
        """True if the picture is that of a pinhole camera."""
        straight = self.kind == PERSPECTIVE or (self.kind == DIVISION and self.shape[0] == 0.0)
        return straight and not any((*self.radial, *self.divisor, *self.tangential, *self.prism))

    @property
    def K(self) -> np.ndarray:
        """Matrix (3,3) of a pinhole with this lens's focal lengths and centre."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> Lens:
        """Return this lens for the picture resampled to width x height pixels."""
        x, y = width / self.width, height / self.height
        focal, centre = (self.focal[0] * x, self.focal[1] * y), (self.centre[0] * x, self.centre[1] * y)
        return replace(self, focal=focal, centre=centre, width=width, height=height)

    def project(self, rays: np.ndarray) -> np.ndarray:
        """Return the pixels (P,2) of rays (P,3), also beside the picture; NaN for rays that the lens does not see."""
        with np.errstate(divide="ignore", invalid="ignore"):
            q = self._plane(rays)
            # NaN is not below the reach either.
            q[~(np.linalg.norm(q, axis=1) <= self._reach)] = np.nan
            return self._distorted(q)[0] * self.focal + self.centre

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Return rays (P,3) of length 1 that fall on pixels (P,2); NaN for pixels that the lens does not fill."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rays: np.ndarray = self._ray(self._undistorted((pixels - self.centre) / self.focal))
            rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        return rays

    def _plane(self, rays: np.ndarray) -> np.ndarray:
        """Return q (P,2) of rays."""
        x, y, z = rays.T
        r, length = np.hypot(x, y), np.linalg.norm(rays, axis=1)
        if self.kind == PANORAMA:
            return np.stack([np.arctan2(x, z), np.arcsin(np.clip(y / length, -1.0, 1.0))], axis=1)
        if self.kind == FISHEYE:
            # Along the axis the angle is the ratio itself.
            scale = np.where(r > 1e-12 * length, np.arctan2(r, z) / r, 1.0 / z)
            scale[(r <= 1e-12 * length) & (z < 0)] = np.nan
        elif self.kind == FOV:
            (omega,) = self.shape
            scale = np.arctan2(2.0 * r * math.tan(omega / 2.0), z) / (r * omega)
            scale = np.where(r > 1e-12 * length, scale, 2.0 * math.tan(omega / 2.0) / (omega * z))
            scale[z <= 0] = np.nan
        elif self.kind == DIVISION:
            scale = 2.0 / (z + np.sqrt(z * z - 4.0 * self.shape[0] * r * r))
            scale[~(scale > 0)] = np.nan
        elif self.kind == EUCM:
            alpha, beta = self.shape
            distance = np.sqrt(beta * r * r + z * z)
            least = -alpha / (1.0 - alpha) if alpha <= 0.5 else -(1.0 - alpha) / alpha
            scale = 1.0 / (alpha * distance + (1.0 - alpha) * z)
            scale[~(z > least * distance)] = np.nan
        else:
            scale = 1.0 / z
            scale[z <= 0] = np.nan
        return np.stack([x * scale, y * scale], axis=1)

    def _ray(self, q: np.ndarray) -> np.ndarray:
        """Return rays (P,3) of any length through points of the plane."""
        if self.kind == PANORAMA:
            longitude, latitude = q.T
            inside = (np.abs(longitude) <= math.pi) & (np.abs(latitude) <= math.pi / 2)
            flat = np.where(inside, np.cos(latitude), np.nan)
            return np.stack([flat * np.sin(longitude), np.sin(latitude), flat * np.cos(longitude)], axis=1)
        r = np.linalg.norm(q, axis=1)
        z = np.ones_like(r)
        if self.kind == FISHEYE:
            angle = np.where(r <= math.pi, r, np.nan)
            q, z = q * np.sinc(angle / math.pi)[:, None], np.cos(angle)
        elif self.kind == FOV:
            (omega,) = self.shape
            angle = np.where(r * omega < WIDEST, r * omega, np.nan)
            half = 2.0 * math.tan(omega / 2.0)
            ratio = np.where(r > 1e-12, np.tan(angle) / (r * half), omega / half)
            q = q * ratio[:, None]
        elif self.kind == DIVISION:
            (k,) = self.shape
            z = np.where(k * r * r < 1.0, 1.0 + k * r * r, np.nan)
        elif self.kind == EUCM:
            alpha, beta = self.shape
            under = 1.0 - (2.0 * alpha - 1.0) * beta * r * r
            z = (1.0 - beta * (alpha * r) ** 2) / (alpha * np.sqrt(under) + 1.0 - alpha)
        return np.concatenate([q, z[:, None]], axis=1)

    @cached_property
    def _curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Radii r and d(r) r as far as the latter grows, a table."""
        farthest = {PERSPECTIVE: math.tan(WIDEST), FISHEYE: math.pi, PANORAMA: 4.0}.get(self.kind, 1e3)
        # Dense where pictures are, sparse far outside.
        r = farthest * np.linspace(0.0, 1.0, SAMPLES) ** 3 if farthest > 4.0 else np.linspace(0.0, farthest, SAMPLES)
        with np.errstate(over="ignore", invalid="ignore"):
            mapped = self._d(r * r)[0] * r
        grows = np.diff(mapped) > 0
        end = len(r) if grows.all() else int(np.argmin(grows)) + 1
        return r[:end], mapped[:end]

    @property
    def _reach(self) -> float:
        """Radius in the plane up to which the lens sees."""
        return float(self._curve[0][-1])

    def _d(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return d and its derivative by s = r^2."""
        above, above_by = _polynomial(self.radial, s)
        below, below_by = _polynomial(self.divisor, s)
        return above / below, (above_by * below - above * below_by) / (below * below)

    def _distorted(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return q' (P,2) and its Jacobian (P,2,2) by q."""
        eye = np.eye(2)
        s = (q * q).sum(axis=1)
        d, by_s = self._d(s)
        straight = d[:, None] * q
        jacobian = d[:, None, None] * eye + 2.0 * by_s[:, None, None] * q[:, :, None] * q[:, None, :]
        if not any((*self.tangential, *self.prism)):
            return straight, jacobian
        at = straight if self.chained else q
        s = (at * at).sum(axis=1)
        p, (s0, s1, s2, s3) = np.array(self.tangential), self.prism
        along = at @ p
        bent = 2.0 * along[:, None] * at + s[:, None] * p
        bent += np.stack([s0 * s + s1 * s * s, s2 * s + s3 * s * s], axis=1)
        slope = np.stack([s0 + 2.0 * s1 * s, s2 + 2.0 * s3 * s], axis=1) + p
        bend = 2.0 * (at[:, :, None] * p + along[:, None, None] * eye + slope[:, :, None] * at[:, None, :])
        return straight + bent, jacobian + (bend @ jacobian if self.chained else bend)

    def _undistorted(self, wanted: np.ndarray) -> np.ndarray:
        """Return q (P,2) whose q' is wanted; NaN where there is none within reach."""
        if not any((*self.radial, *self.divisor, *self.tangential, *self.prism)):
            return wanted
        r, mapped = self._curve
        length = np.linalg.norm(wanted, axis=1)
        q = wanted * np.where(length > 1e-12, np.interp(length, mapped, r) / length, 1.0)[:, None]
        for _ in range(ROUNDS):
            found, jacobian = self._distorted(q)
            missing = wanted - found
            # Cramer's rule for two unknowns.
            (a, b), (c, d) = jacobian.transpose(1, 2, 0)
            det = a * d - b * c
            step = np.stack([d * missing[:, 0] - b * missing[:, 1], a * missing[:, 1] - c * missing[:, 0]], axis=1)
            step /= det[:, None]
            q = q + np.where(np.isfinite(step), step, 0.0)
            if not (np.abs(step) > 1e-13 * (1.0 + np.abs(q))).any():
                break
        found, _ = self._distorted(q)
        solved = (np.abs(found - wanted) <= 1e-9 * (1.0 + length)[:, None]).all(axis=1)
        q[~(solved & (np.linalg.norm(q, axis=1) <= self._reach))] = np.nan
        return q


def _polynomial(coefficients: tuple[float, ...], s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 1 + c1 s + c2 s^2 + ... and its derivative by s."""
    value, derivative = np.zeros_like(s), np.zeros_like(s)
    for c in reversed((1.0, *coefficients)):
        derivative = derivative * s + value
        value = value * s + c
    return value, derivative
