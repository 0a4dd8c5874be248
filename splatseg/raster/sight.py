"""Groups of Gaussians that a camera provably does not draw, by their boxes.

A group is known by the box of its means and by its largest scale. A Gaussian is

    drawn:  z >= near,   mx + ex > 0,   mx - ex < W        mx = fx x / z + cx        ex = sqrt(reach (|h|^2 + eps2d))
    h = fx / z (a_x - u a_z)     |h| <= fx / z sqrt(1 + U^2) |R| s        reach <= 2 ln(1 / alpha_min)

a_x, a_y, a_z are the rows of R Q diag(scales), s its largest scale, |R| the norm of the rotation (1, but for rounding),
u = x/z clamped to the frustum and its margin, so |u| <= U. With sqrt(p + q) <= sqrt p + sqrt q and z > 0, a Gaussian is
left of the picture if

    fx x + (cx + k sqrt eps2d) z + k fx sqrt(1 + U^2) |R| s <= 0          k = sqrt(2 ln(1 / alpha_min))

which is linear in (x, y, z): it holds in a box if it holds at its corners. Right, above and below it is alike. `SLACK`
covers the rounding of float32, so no backend draws a Gaussian of a group that is left out.

Alphabet: G groups; (x, y, z) camera coordinates; W x H pixels.

Source: the projection of native/raster/ewa.h and project.cpp; ours.
"""

from __future__ import annotations

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import DEFAULT_SETTINGS, RasterSettings

SLACK = 1e-5
"""Share of the largest terms that rounding may amount to: some 80 times the unit of float32, which a dozen operations
do not reach."""


def out_of_sight(
    boxes: np.ndarray, reaches: np.ndarray, camera: Camera, settings: RasterSettings = DEFAULT_SETTINGS
) -> np.ndarray:
    """Tell which groups (G,) bool cannot be drawn by a camera.

    boxes (G,2,3): lowest and highest finite mean, world units; the lowest above the highest for a group without any.
    reaches (G,): largest finite scale, world units.
    """
    empty: np.ndarray = ~np.all(boxes[:, 0] <= boxes[:, 1], axis=1)
    boxes = np.where(empty[:, None, None], 0.0, boxes)
    rotation, translation = camera.viewmat[:3, :3], camera.viewmat[:3, 3]
    # Bounds of what is added up, in whatever order: rounding is a share of them.
    sizes = np.abs(boxes).max(1) @ np.abs(rotation).T + np.abs(translation)
    depth = np.append(rotation[2], translation[2])  # of a point (x, y, z, 1)
    hidden: np.ndarray = empty | (_highest(boxes, depth) + SLACK * sizes[:, 2] < settings.near)
    if min(camera.K[0, 0], camera.K[1, 1]) <= 0:
        return hidden
    scales = reaches.astype(np.float64) * float(np.linalg.norm(rotation, 2))
    for side, pixels in enumerate((camera.width, camera.height)):
        across, size = np.append(rotation[side], translation[side]), sizes[:, side]
        focal, centre = camera.K[side, side], camera.K[side, 2]
        steepest = max(centre, pixels - centre, 0.0) / focal + settings.frustum_margin * 0.5 * pixels / focal
        widest = np.sqrt(2.0 * np.log(1.0 / settings.alpha_min)) * (1.0 + SLACK)
        spread = widest * focal * np.sqrt(1.0 + steepest**2) * scales
        blur = widest * np.sqrt(settings.eps2d)
        slack = SLACK * (focal * size + (abs(centre) + pixels + blur) * sizes[:, 2] + spread) + spread
        hidden |= _highest(boxes, focal * across + (centre + blur) * depth) + slack < 0
        hidden |= _highest(boxes, (pixels + blur - centre) * depth - focal * across) + slack < 0
    return hidden


def _highest(boxes: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the highest value (G,) of a x + b y + c z + d in boxes (G,2,3), which is that of a corner."""
    highest: np.ndarray = np.where(plane[:3] > 0, boxes[:, 1], boxes[:, 0]) @ plane[:3] + plane[3]
    return highest
