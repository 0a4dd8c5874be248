"""Camera models by the names and parameters that COLMAP writes.

Source: the camera models of COLMAP 4; tests compare every one with pycolmap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splatseg.cameras.lens import DIVISION, EUCM, FISHEYE, FOV, PANORAMA, PERSPECTIVE, Lens

MODELS: dict[str, tuple[str, str]] = {
    "SIMPLE_PINHOLE": (PERSPECTIVE, "f cx cy"),
    "PINHOLE": (PERSPECTIVE, "fx fy cx cy"),
    "SIMPLE_RADIAL": (PERSPECTIVE, "f cx cy k1"),
    "RADIAL": (PERSPECTIVE, "f cx cy k1 k2"),
    "OPENCV": (PERSPECTIVE, "fx fy cx cy k1 k2 p1 p2"),
    "OPENCV_FISHEYE": (FISHEYE, "fx fy cx cy k1 k2 k3 k4"),
    "FULL_OPENCV": (PERSPECTIVE, "fx fy cx cy k1 k2 p1 p2 k3 m1 m2 m3"),
    "FOV": (FOV, "fx fy cx cy omega"),
    "SIMPLE_RADIAL_FISHEYE": (FISHEYE, "f cx cy k1"),
    "RADIAL_FISHEYE": (FISHEYE, "f cx cy k1 k2"),
    "THIN_PRISM_FISHEYE": (FISHEYE, "fx fy cx cy k1 k2 p1 p2 k3 k4 s0 s2"),
    "RAD_TAN_THIN_PRISM_FISHEYE": (FISHEYE, "fx fy cx cy k1 k2 k3 k4 k5 k6 p2 p1 s0 s1 s2 s3"),
    "SIMPLE_DIVISION": (DIVISION, "f cx cy k"),
    "DIVISION": (DIVISION, "fx fy cx cy k"),
    "SIMPLE_FISHEYE": (FISHEYE, "f cx cy"),
    "FISHEYE": (FISHEYE, "fx fy cx cy"),
    "EUCM": (EUCM, "fx fy cx cy alpha beta"),
    "EQUIRECTANGULAR": (PANORAMA, "w h"),
}
"""Kind of plane and names of the parameters of every model, in the order of the numbers they have in binary files."""

CHAINED = "RAD_TAN_THIN_PRISM_FISHEYE"
"""The model whose tangential and prism terms take the radially distorted point."""


def lens_of_model(model: str, params: Sequence[float], width: int, height: int) -> Lens:
    """Return the lens of a model of `MODELS` with as many parameters as it has."""
    kind, names = MODELS[model]
    values: dict[str, float] = dict(zip(names.split(), params, strict=True))
    if kind == PANORAMA:
        # The parameters are the size of the panorama, which is the picture's.
        return panorama(width, height)
    if values.get("omega") == 0.0:  # the limit of its formula, which divides by it
        kind = PERSPECTIVE
    focal = (values["f"], values["f"]) if "f" in values else (values["fx"], values["fy"])
    shape = tuple(values[name] for name in ("omega", "k", "alpha", "beta") if name in values and kind != PERSPECTIVE)
    bent: dict[str, Any] = {
        "radial": _row(values, "k", 6),
        "divisor": _row(values, "m", 3),
        "tangential": (values.get("p2", 0.0), values.get("p1", 0.0)),
        "prism": tuple(values.get(f"s{i}", 0.0) for i in range(4)),
    }
    return Lens(kind, focal, (values["cx"], values["cy"]), width, height, shape=shape, chained=model == CHAINED, **bent)


def panorama(width: int, height: int) -> Lens:
    """Return the lens of a picture of all directions: longitude to the right, latitude down."""
    turn = 6.283185307179586
    return Lens(PANORAMA, (width / turn, 2.0 * height / turn), (width / 2.0, height / 2.0), width, height)


def _row(values: dict[str, float], letter: str, most: int) -> tuple[float, ...]:
    """Return coefficients letter1, letter2, ... without the zeros at their end."""
    found = [values.get(f"{letter}{i}", 0.0) for i in range(1, most + 1)]
    while found and found[-1] == 0.0:
        found.pop()
    return tuple(found)
