"""Distances in a scene, measured between two pixels of a view: a known length gives the scene its unit.

Alphabet: pixels (x, y) of a camera; points (3,) of the surface seen there; lengths in units of the user's coordinates.
"""

from __future__ import annotations

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera
from splatseg.errors import PromptError
from splatseg.render.rgb import render_surface
from splatseg.splats.splats import Splats


def surface_point(splats: Splats, camera: AnyCamera, pixel: tuple[float, float], where: str = "the view") -> np.ndarray:
    """Return the point (3,) of the surface at pixel (x, y) of a view, in the user's own coordinates.

    where: the view's name, for messages. Raises PromptError for a pixel outside the picture, or that shows nothing.
    """
    x, y = pixel
    if not (0 <= x < camera.width and 0 <= y < camera.height):
        raise PromptError(
            f"pixel ({x:g}, {y:g}) lies outside {where}, which has {camera.width}x{camera.height} pixels; point inside"
        )
    face, place = camera, pixel
    if not isinstance(face, Camera):
        found = face.face_at(pixel)
        if found is None:
            raise PromptError(f"the lens shows nothing at pixel ({x:g}, {y:g}) of {where}; point at a surface")
        face, place = face.faces[found[0]], found[1]
    u, v = place
    column, row = min(max(int(u), 0), face.width - 1), min(max(int(v), 0), face.height - 1)
    with torch.no_grad():
        depth = float(render_surface(splats, face)[row, column])
    if depth <= 0.0:
        raise PromptError(f"pixel ({x:g}, {y:g}) of {where} shows nothing; point at a surface")
    seen = face.unproject(np.array([[u, v]]), np.array([depth]))
    point: np.ndarray = splats.coordinates.outwards(seen)[0]
    return point


def distance_between(
    splats: Splats,
    camera: AnyCamera,
    first: tuple[float, float],
    second: tuple[float, float],
    where: str = "the view",
) -> float:
    """Return the distance of the surface at two pixels (x, y) of a view, in units of the user's own coordinates.

    Raises PromptError as `surface_point` does, and if both show the same point.
    """
    one, other = (surface_point(splats, camera, pixel, where) for pixel in (first, second))
    length = float(np.linalg.norm(one - other))
    if not length > 0.0:
        raise PromptError(f"both pixels of {where} show the same point; give the two ends of a known length")
    return length
