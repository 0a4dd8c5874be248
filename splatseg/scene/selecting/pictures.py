"""Pictures of a selection: masks of it, its coverage of pixels, and the scene with it highlighted.

Alphabet: N Gaussians; members (N,) bool; H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.view import one_a_photograph
from splatseg.render.label_maps import selection_coverage, selection_mask
from splatseg.render.overlays import overlay_selection
from splatseg.render.photographed import photographed
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.render.supersampling import SUPERSAMPLE
from splatseg.scene.state import SceneState, Where

PREVIEW_VIEWS = 12
"""Views that are looked at for the one that shows a selection best."""


class SelectionPictures:
    """Members of a scene that can be seen.

    Attributes:
        scene: The scene it belongs to.
        members: (N,) bool, the Gaussians that are selected.
    """

    scene: SceneState
    members: np.ndarray

    def mask(self, view: Where) -> np.ndarray:
        """Return the mask in a view or from any camera: (H,W) bool, the pixels made of the selection by more than half.

        Raises PromptError for an unknown view.

        Example:
            >>> scene.segment(1).mask("012.jpg").shape
            (120, 160)
        """
        return selection_mask(self.scene.splats, self.scene.camera(view), self.members)

    def coverage(self, view: Where) -> np.ndarray:
        """Return the mask with smooth edges: (H,W) float32 in 0..1, the share of each pixel that shows the selection.

        Raises PromptError for an unknown view.
        """
        return selection_coverage(self.scene.splats, self.scene.camera(view), self.members, SUPERSAMPLE)

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name of each photograph of the capture and the mask (H,W) bool in it, one in memory at a time.

        Example:
            >>> masks = dict(scene.segment(1).masks())
            >>> len(masks) == len(scene.views)
            True
        """
        splats = self.scene.splats
        for view in one_a_photograph(self.scene.views):
            yield view.photograph, selection_mask(splats, view.seen_by, self.members)

    def render(self, view: Where) -> np.ndarray:
        """Render a view with the selection highlighted: (H,W,3) uint8. Raises PromptError for an unknown view.

        Example:
            >>> scene.segment(1).render("012.jpg").shape
            (120, 160, 3)
        """
        splats, camera = self.scene.splats, self.scene.camera(view)
        with torch.no_grad():
            picture = photographed(camera, lambda face: to_uint8(render_rgb(splats, face, self.scene.background)))
        return overlay_selection(picture, selection_mask(splats, camera, self.members))

    def _best_camera(self) -> Camera | None:
        """Return the camera that sees most pixels of the selection; None without views."""
        views = self.scene.views[:: max(len(self.scene.views) // PREVIEW_VIEWS, 1)]
        if not views:
            return None
        splats = self.scene.splats
        return max(views, key=lambda view: int(selection_mask(splats, view.camera, self.members).sum())).camera
