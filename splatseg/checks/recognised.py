"""Recognition of a capture by a splat: its pictures must be most like the photographs of the views they are made for.

No threshold on a picture's quality could tell a blurred splat of this capture from a sharp one of another, or of this
one in other coordinates. But the right splat, however poor, looks more like a view's own photograph than like those of
other views.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.render.rgb import render_channels, render_rgb
from splatseg.resampling import nearest_pixels
from splatseg.splats.splats import Splats
from splatseg.spread import spread

MOST = 8
"""Views that are compared, evenly spread: neighbours in a film look alike."""

FEWEST = 3
"""Views that can decide anything: one of two is the more like by chance."""

SIDE = 96
"""Longer side of the compared pictures in pixels."""

UNLIKE = 2.0 / np.pi**0.5
"""Mean difference of two pictures of standard normal noise."""


def small_camera(camera: Camera, side: int) -> Camera:
    """Return the camera with a picture of at most `side` pixels on its longer side."""
    return camera.scaled(min(1.0, side / max(camera.width, camera.height)))


class Photographs:
    """Small photographs of a few views, to recognise splats by."""

    def __init__(self, views: Sequence[View], most: int = MOST, side: int = SIDE, neighbours: bool = False) -> None:
        """Decode at most `most` of the views at `side` pixels.

        neighbours: compare with the photographs of the views before and after, too; then only a splat that is in place
        to a fraction of their distance is recognised.

        Raises CaptureError for an unreadable photograph.
        """
        chosen = spread(views, most)
        self.cameras = [small_camera(view.camera, side) for view in chosen]
        """Cameras of the small photographs."""
        self.pictures = [_picture(view, side) for view in chosen]
        """The small photographs, each (3,H,W) uint8."""
        place = {view.name: number for number, view in enumerate(views)}
        self._beside = [
            [_picture(views[n], side) for n in (place[view.name] - 1, place[view.name] + 1) if 0 <= n < len(views)]
            if neighbours
            else []
            for view in chosen
        ]
        self._shaped: dict[tuple[int, int], list[np.ndarray]] = {}

    def __len__(self) -> int:
        """Return how many views are compared."""
        return len(self.cameras)

    def recognised(self, splats: Splats) -> int:
        """Return how many of the views the splat looks most like.

        Compared are differences of colours where the splat covers the picture, up to brightness and contrast. A view in
        which it covers nothing is not recognised. Fewer than three views decide nothing and count as recognised.
        """
        return self.compared(splats)[0]

    @torch.no_grad()
    def compared(self, splats: Splats) -> tuple[int, float]:
        """Return how many views are recognised, as `recognised` does, and the mean difference from their photographs.

        The difference is of standardised colours; a view of which nothing is covered counts as one that has nothing in
        common with its photograph.
        """
        if len(self) < FEWEST:
            return len(self), 0.0
        found, differences = 0, []
        for i, camera in enumerate(self.cameras):
            covered = render_channels(splats, camera, torch.ones(len(splats), 1))[..., 0].numpy() > 0.5
            errors = [UNLIKE] * len(self)
            if covered.any():
                picture = _standard(render_rgb(splats, camera).numpy().transpose(2, 0, 1))
                photographs = [*self._like(*covered.shape), *(_shaped(one, *covered.shape) for one in self._beside[i])]
                errors = [float(np.abs(picture - photograph)[:, covered].mean()) for photograph in photographs]
                found += errors[i] == min(errors)
            differences.append(errors[i])
        return found, float(np.mean(differences))

    def _like(self, height: int, width: int) -> list[np.ndarray]:
        """Return all photographs in one shape, so that those of portrait and landscape can be compared."""
        if (height, width) not in self._shaped:
            self._shaped[height, width] = [_shaped(one, height, width) for one in self.pictures]
        return self._shaped[height, width]


def _picture(view: View, side: int) -> np.ndarray:
    camera = small_camera(view.camera, side)
    return nearest_pixels(view.image().transpose(2, 0, 1), camera.height, camera.width)


def _shaped(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    return _standard(nearest_pixels(picture, height, width))


def _standard(picture: np.ndarray) -> np.ndarray:
    """Return a picture (3,H,W) with mean 0 and deviation 1."""
    values = picture.astype(np.float32)
    standard: np.ndarray = (values - values.mean()) / max(float(values.std()), 1e-6)
    return standard
