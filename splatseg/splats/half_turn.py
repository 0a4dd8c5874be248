"""Half a turn of a splat around a coordinate axis: the exact conversion between the axes of formats.

3D Gaussian Splatting's world is y down, z forward (the axes of its first camera, as in OpenCV). Formats with y up need

    (x, y, z) -> (x, -y, -z)   around x: y up, z backward (OpenGL, three.js, .spz)
    (x, y, z) -> (-x, -y, z)   around z: y up, z forward, x left (glTF)

Alphabet: axis 0, 1, 2 is x, y, z. Half a turn F around an axis flips the signs of the other two. A Gaussian's rotation
R becomes F R F: its local axes turn as well, which leaves its covariance F R S^2 R^T F unchanged (F S^2 F = S^2), and
the quaternion flips the same two signs. Every spherical harmonic of degree 0 to 3 is a polynomial that is even or odd
in each of x, y, z (`ODD_IN`), so it keeps or flips its sign. No number is rounded, and a second turn undoes the first.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from torch import Tensor

    from splatseg.splats.splats import Splats

Turned = TypeVar("Turned", "Splats", StoredSplats)
Values = TypeVar("Values", "Tensor", np.ndarray)

ODD_IN = ("y", "z", "x", "xy", "yz", "", "xz", "", "y", "xyz", "y", "z", "x", "z", "x")
"""The coordinates in which the harmonics beyond the constant are odd, in the order of `Splats.shN`."""


def half_turn(splats: Turned, axis: int) -> Turned:
    """Return the splat, loaded or as stored, turned by 180 degrees around an axis; features and ids stay."""
    flips: list[float] = [1.0 if i == axis else -1.0 for i in range(3)]
    # A harmonic flips once for every flipped coordinate in which it is odd.
    harmonics = [
        -1.0 if sum(letter != "xyz"[axis] for letter in odd) % 2 else 1.0 for odd in ODD_IN[: splats.shN.shape[1]]
    ]
    x, y, z = (flip * value for flip, value in zip(flips, splats.coordinates.centre, strict=True))
    return dataclasses.replace(
        splats,
        coordinates=dataclasses.replace(splats.coordinates, centre=(x, y, z)),
        means=_flipped(splats.means, flips),
        quats=_flipped(splats.quats, [1.0, *flips]),
        shN=_flipped(splats.shN, [[sign] for sign in harmonics]) if harmonics else splats.shN,
    )


def _flipped(values: Values, signs: list[float] | list[list[float]]) -> Values:
    """Return values (N,...) times signs (...), as a tensor or an array like them."""
    if isinstance(values, np.ndarray):
        flipped: np.ndarray = values * np.array(signs, values.dtype)
        return flipped
    return values * values.new_tensor(signs)
