"""The lens of a frame of transforms.json: the keys that nerfstudio, instant-ngp and programs after them write.

`camera_model` names a model of nerfstudio or of COLMAP; without it there is a perspective lens, or with `is_fisheye`
(instant-ngp) a fisheye, bent by whatever coefficients are there. Of a perspective lens k1 .. k4 belong to r^2 .. r^8;
only FULL_OPENCV has k4 .. k6 below the line, as OpenCV does. FISHEYE624 is Project Aria's.

Source: nerfstudio's documentation ("Data conventions") and code, instant-ngp's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from splatseg.cameras.lens import FISHEYE, PERSPECTIVE, Lens
from splatseg.cameras.lens_models import panorama
from splatseg.errors import CaptureError
from splatseg.untrusted.paths import shortened

PERSPECTIVES = ("PERSPECTIVE", "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
FISHEYES = ("OPENCV_FISHEYE", "FISHEYE", "SIMPLE_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "FISHEYE624")


def lens_of_frame(
    frame: Mapping[str, Any], width: int, height: int, number: Callable[[str], float | None], where: str
) -> Lens:
    """Return the lens of a frame for its picture. number(key): a number of the frame, None if it is absent.

    Raises CaptureError, which names the frame by `where`, for an unknown model or without a focal length.
    """
    model = frame.get("camera_model", FISHEYES[0] if frame.get("is_fisheye") is True else PERSPECTIVES[0])
    if model == "EQUIRECTANGULAR":
        return panorama(width, height)
    if model not in PERSPECTIVES and model not in FISHEYES:
        raise CaptureError(
            f"{where}: the camera model {shortened(str(model))} is unknown; splatseg reads "
            f"{', '.join((*PERSPECTIVES, *FISHEYES))} and EQUIRECTANGULAR: export the cameras with one of them"
        )
    fx = _focal(number("fl_x"), number("camera_angle_x"), width)
    fy = _focal(number("fl_y"), number("camera_angle_y"), height)
    fx, fy = fx or fy, fy or fx
    if fx is None or fy is None or fx <= 0 or fy <= 0:
        raise CaptureError(f"{where}: no usable focal length; state fl_x in pixels or camera_angle_x in radians")
    cx, cy = number("cx"), number("cy")
    k1, k2, k3, k4, k5, k6, p1, p2, *prism = (
        number(key) or 0.0 for key in ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s1", "s2", "s3", "s4")
    )
    radial: tuple[float, ...] = (k1, k2, k3, k4)
    divisor: tuple[float, ...] = ()
    chained = model == "FISHEYE624"
    if chained:
        radial = (k1, k2, k3, k4, k5, k6)
    elif model == "FULL_OPENCV":
        radial, divisor = (k1, k2, k3), (k4, k5, k6)
    return Lens(
        PERSPECTIVE if model in PERSPECTIVES else FISHEYE,
        (fx, fy),
        (width / 2 if cx is None else cx, height / 2 if cy is None else cy),
        width,
        height,
        radial=radial,
        divisor=divisor,
        # Project Aria's (p1, p2) are (x, y), all others' (y, x).
        tangential=(p1, p2) if chained else (p2, p1),
        prism=(prism[0], prism[1], prism[2], prism[3]) if chained else (0.0, 0.0, 0.0, 0.0),
        chained=chained,
    )


def _focal(focal: float | None, angle: float | None, side: float) -> float | None:
    """Return the focal length in pixels, as stated or from the angle of view over `side` pixels, or None."""
    if focal is None and angle is not None and 0 < angle < math.pi:
        return 0.5 * side / math.tan(0.5 * angle)
    return focal
