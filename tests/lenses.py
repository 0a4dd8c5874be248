"""Lenses as people have them: parameters of every camera model, for pictures of 640x480."""

from __future__ import annotations

import math

from splatseg.cameras.lens import FISHEYE, Lens

WIDTH, HEIGHT = 640, 480

PARAMETERS: dict[str, list[float]] = {
    "SIMPLE_PINHOLE": [500, 322, 238],
    "PINHOLE": [500, 490, 322, 238],
    "SIMPLE_RADIAL": [500, 322, 238, -0.12],
    "RADIAL": [500, 322, 238, -0.2, 0.05],
    "OPENCV": [500, 490, 322, 238, -0.25, 0.08, 0.002, -0.003],
    "FULL_OPENCV": [500, 490, 322, 238, -0.2, 0.05, 0.002, -0.003, 0.01, 0.02, 0.01, -0.003],
    "FOV": [400, 410, 322, 238, 0.9],
    "SIMPLE_DIVISION": [400, 322, 238, -0.3],
    "DIVISION": [400, 410, 322, 238, -0.2],
    "EUCM": [300, 310, 322, 238, 0.6, 1.1],
    "SIMPLE_FISHEYE": [220, 322, 238],
    "FISHEYE": [220, 230, 322, 238],
    "SIMPLE_RADIAL_FISHEYE": [220, 322, 238, 0.02],
    "RADIAL_FISHEYE": [220, 322, 238, 0.03, -0.005],
    "OPENCV_FISHEYE": [220, 225, 322, 238, 0.03, -0.01, 0.003, -0.0004],
    "THIN_PRISM_FISHEYE": [220, 225, 322, 238, 0.03, -0.01, 0.001, -0.002, 0.003, -0.0004, 0.002, -0.001],
    "RAD_TAN_THIN_PRISM_FISHEYE": [
        *(220, 225, 322, 238, 0.03, -0.01, 0.003, -0.0004, 0.0001, -0.00001),
        *(0.001, -0.002, 0.002, -0.001, 0.0015, -0.0007),
    ],
    "EQUIRECTANGULAR": [WIDTH, HEIGHT],
}


def fisheye(degrees: float, width: int, height: int) -> Lens:
    """An equidistant fisheye that sees so many degrees across its picture."""
    focal = width / math.radians(degrees)
    return Lens(FISHEYE, (focal, focal), (width / 2.0, height / 2.0), width, height)
