"""Points to start from in a capture that has none: at random in the space that its cameras look at together.

Points are drawn evenly in the ball around the point nearest to all optical axes (`cameras.orbit`), as wide as the
cameras' median distance from it, but for what is nearer to a camera than a tenth of that. Those in the pictures of most
cameras are kept, with the mean colour that the photographs have there. The fit moves, splits and prunes them, as it
does with any; it takes longer, and finds less than from points that were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from splatseg.cameras.orbit import focus_of
from splatseg.capture.view import View, one_a_photograph

POINTS = 20_000
"""Points to start from: as many as captures of 50 to 100 photographs commonly have."""

DRAWN = 8
"""Points drawn for each that is kept."""

NEAR = 0.1
"""Least distance from every camera, in shares of the ball's radius."""


def random_points(
    views: Sequence[View], photographs: Iterable[tuple[np.ndarray, np.ndarray | None]], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points (M,3) float32 and colors (M,3) uint8, M <= POINTS, that most views see.

    photographs (H,W,3) uint8 and their ignored pixels (H,W) bool belong to the views.
    """
    # The faces of one photograph look everywhere: their axes meet in the camera.
    cameras = [view.pinhole for view in one_a_photograph(views)]
    positions = np.array([camera.position for camera in cameras])
    forward = np.array([camera.viewmat[2, :3] for camera in cameras])
    focus = focus_of(positions, forward)
    radius = float(np.median(np.linalg.norm(positions - focus, axis=1)))
    random = np.random.default_rng(seed)
    directions = random.normal(size=(DRAWN * POINTS, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = focus + radius * np.cbrt(random.uniform(size=(len(directions), 1))) * directions
    seen, colors, far = np.zeros(len(points)), np.zeros((len(points), 3)), np.ones(len(points), bool)
    for view, (photograph, hidden) in zip(views, photographs, strict=True):
        camera = view.camera
        far &= np.linalg.norm(points - camera.position, axis=1) > NEAR * radius
        pixels, depths = camera.project(points)
        with np.errstate(invalid="ignore"):
            inside = (depths > 0) & (pixels >= 0).all(axis=1) & (pixels < [camera.width, camera.height]).all(axis=1)
        x, y = pixels[inside].astype(np.int64).T
        shown = np.ones(len(x), bool) if hidden is None else ~hidden[y, x]
        rows = np.flatnonzero(inside)[shown]
        seen[rows] += 1
        colors[rows] += photograph[y[shown], x[shown]]
    # Those that most cameras see, of equal ones the first drawn.
    kept = np.argsort(-np.where(far, seen, 0.0), kind="stable")[:POINTS]
    kept = kept[(seen[kept] > 0) & far[kept]]
    return points[kept].astype(np.float32), (colors[kept] / seen[kept, None]).round().astype(np.uint8)
