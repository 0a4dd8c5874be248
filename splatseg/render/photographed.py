"""Pictures in the pixels of a photograph as it was taken: drawn by pinhole cameras, put together through the lens.

Colours and weights are interpolated between the pixels of a face. Labels and depths cannot be: an edge between them
would be as exact as the grid is dense, so they are drawn twice as densely (`supersampling.twice_as_dense`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera
from splatseg.cameras.warp import Fetch
from splatseg.render.supersampling import twice_as_dense


def photographed(camera: AnyCamera, draw: Callable[[Camera], np.ndarray], fetch: Fetch = "mean") -> np.ndarray:
    """Return the picture (H,W) or (H,W,C) of a camera, with whatever lens, by a function that draws pinhole cameras'.

    fetch: the value of a pixel of the photograph from those of a face; 0 beside the lens.
    """
    if isinstance(camera, Camera):
        return draw(camera)
    drawn = (twice_as_dense(face, draw) if fetch in ("label", "nearest") else draw(face) for face in camera.faces)
    return camera.put_back(list(drawn), fetch)
