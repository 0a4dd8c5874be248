"""Selecting in a scene by where Gaussians lie and what they are: on any splat, with or without segments.

    scene.lasso("012.jpg", outline) - scene.brush("012.jpg", stroke, 8)
    scene.within(*mug.box) & scene.between(opacity=(0.0, 0.1))
    scene.brush("012.jpg", stroke, 8).flood(tolerance=0.05)

Pixels are those of the photograph as it was taken. Lengths and places are in the user's own coordinates.

Alphabet: N Gaussians; P points; H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splatseg.cameras.lens_camera import AnyCamera
from splatseg.regions.alike import Range
from splatseg.regions.drawn import Points, brush_pixels, lasso_pixels, rectangle_pixels
from splatseg.regions.volumes import Vector, in_box, in_sphere
from splatseg.scene.selection import Selection
from splatseg.scene.state import SceneState, Where
from splatseg.select.match import Match
from splatseg.select.prompt import Box, Prompt


class RegionScene(SceneState):
    """A scene that selects Gaussians by regions."""

    def gaussians(self, members: np.ndarray) -> Selection:
        """Select Gaussians directly: members (N,) bool.

        Example:
            >>> opaque = scene.gaussians(scene.splats.opacities.numpy() > 0.5)
        """
        members = np.asarray(members)
        if members.shape != (len(self._plain),) or members.dtype != np.bool_:
            raise ValueError(f"members must be ({len(self._plain)},) bool, got {members.shape} {members.dtype}")
        return Selection(self, Match.of(members))

    # On a picture ----------------------------------------------------------------------------------------------------

    def lasso(self, view: Where, points: Points, *, visible: bool = True) -> Selection:
        """Select what lies inside a closed outline, points (P,2) as (x, y) in pixels of a view or a camera.

        A pixel is inside if its centre is, by the even-odd rule. visible: only what is seen in those pixels; False
        takes everything behind them, too.

        Raises PromptError for an unknown view, fewer than three points, and points that are not finite.

        Example:
            >>> outline = [(38, 62), (58, 62), (58, 88), (38, 88)]
            >>> front = scene.lasso("012.jpg", outline)
            >>> 0 < front.count < scene.lasso("012.jpg", outline, visible=False).count
            True
        """
        camera = self.camera(view)
        return self._drawn(camera, lasso_pixels(points, camera.width, camera.height), visible)

    def brush(self, view: Where, points: Points, radius: float, *, visible: bool = True) -> Selection:
        """Select what lies within `radius` pixels of a stroke, points (P,2) as (x, y) in pixels of a view or a camera.

        One point is a disc. visible: as for `lasso`. Raises PromptError as `lasso` does, and for a radius not above 0.

        Example:
            >>> scene.brush("012.jpg", [(40, 70), (54, 80)], radius=4).count > 0
            True
        """
        camera = self.camera(view)
        return self._drawn(camera, brush_pixels(points, radius, camera.width, camera.height), visible)

    def rectangle(self, view: Where, box: Box, *, visible: bool = True) -> Selection:
        """Select all that lies in a rectangle (x0, y0, x1, y1) of a view; `box` selects the object that fills it.

        visible: as for `lasso`. Raises PromptError as `lasso` does.

        Example:
            >>> box = (38, 62, 58, 88)
            >>> corners = [(38, 62), (58, 62), (58, 88), (38, 88)]
            >>> scene.rectangle("012.jpg", box).count == scene.lasso("012.jpg", corners).count
            True
        """
        camera = self.camera(view)
        return self._drawn(camera, rectangle_pixels(box, camera.width, camera.height), visible)

    def region(self, view: Where, mask: np.ndarray, *, visible: bool = True) -> Selection:
        """Select what lies in the pixels of a mask (H,W) bool; `mask` selects the object that it covers.

        visible: as for `lasso`. Raises PromptError for an unknown view and a mask of another size.

        Example:
            >>> seen = scene.segment(1).mask("012.jpg")
            >>> scene.region("012.jpg", seen).count > 0
            True
        """
        return self._drawn(self.camera(view), np.asarray(mask, dtype=bool), visible)

    def _drawn(self, camera: AnyCamera, pixels: np.ndarray, visible: bool) -> Selection:
        return self.gaussians(self.regions.drawn(camera, pixels, visible))

    # In space --------------------------------------------------------------------------------------------------------

    def sphere(self, centre: Vector, radius: float) -> Selection:
        """Select the Gaussians whose centres are at most `radius` from a centre (x, y, z).

        Raises PromptError for a centre that is not finite, and a radius not above 0.

        Example:
            >>> corner = scene.segment(1).box[0]
            >>> scene.sphere(corner, 0.1).count < scene.sphere(corner, 1.0).count
            True
        """
        return self.gaussians(in_sphere(self.splats.own_positions, centre, radius))

    def within(self, lower: Vector, upper: Vector, *, wxyz: Sequence[float] | None = None) -> Selection:
        """Select the Gaussians whose centres lie in a box between two corners (x, y, z).

        wxyz: a quaternion that turns the box around its middle; None leaves it along the axes.

        Raises PromptError for corners that are not finite, and for no rotation.

        Example:
            >>> mug = scene.segment(1)
            >>> (scene.within(*mug.box) & mug).count > 0.9 * mug.count
            True
        """
        return self.gaussians(in_box(self.splats.own_positions, lower, upper, wxyz))

    # By what they are ------------------------------------------------------------------------------------------------

    def alike_color(self, view: Where, pixel: tuple[float, float], tolerance: float = 0.1) -> Selection:
        """Select the Gaussians of the colour at a pixel (x, y) of a view or a camera.

        tolerance: largest distance in OKLab; 0.02 is about the least that an eye sees, 0.1 clearly another colour.

        Raises PromptError for an unknown view, a pixel outside the picture or that shows nothing, and a negative
        tolerance.

        Example:
            >>> narrow, wide = (scene.alike_color("012.jpg", (47, 75), each) for each in (0.05, 0.2))
            >>> 0 < narrow.count < wide.count
            True
        """
        prompt = Prompt.in_photograph(self.camera(view), click=(float(pixel[0]), float(pixel[1])))
        assert prompt.click is not None, "the prompt is made of a click"
        return self.gaussians(self.regions.alike(prompt.camera, prompt.click, tolerance))

    def between(self, *, opacity: Range | None = None, size: Range | None = None) -> Selection:
        """Select the Gaussians with an opacity, 0..1, and a size in ranges (least, greatest), both included.

        size: the largest standard deviation of a Gaussian. None is any.

        Raises PromptError for a range whose first number is the greater.

        Example:
            >>> faint = scene.between(opacity=(0.0, 0.1))
            >>> faint.count + scene.between(opacity=(0.1, 1.0)).count >= len(scene.splats)
            True
        """
        return self.gaussians(self.regions.between(opacity, size))
