"""The picture of one page: draws what its streamer asks for, and sends it to the browser.

A splat that the browser draws itself while the camera moves (`drawing.local_splats`) takes the place of drafts.

Alphabet: H x W pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.viewer.drawing.local_splats import MOST, LocalSplats
from splatseg.viewer.drawing.picture import comes_late, picture

if TYPE_CHECKING:
    from splatseg.viewer.page.page import Page

DRAFT_QUALITY = 70
STILL_QUALITY = 95
"""JPEG qualities of a picture while the camera moves, and of one at rest."""


class Screen:
    """The picture of one page.

    Attributes:
        local: The browser's own splat; None if the server draws moving pictures.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.local: LocalSplats | None = None

    def draw_locally(self, on: bool) -> None:
        """Let the browser draw the splat itself while the camera moves, or stop it.

        Raises PromptError for a splat that is too large for that.
        """
        page, count = self._page, len(self._page.scene.splats)
        if on and count > MOST:
            raise PromptError(
                f"this splat has {count:,} Gaussians, and a browser draws at most {MOST:,} in time; stream pictures, "
                "which merge what is small on screen"
            )
        if self.local is not None:
            self.local.close()
        self.local = LocalSplats(page.client, page.scene, page.workspace) if on else None

    def late(self, camera: Camera) -> bool:
        """Return True if a full picture would be late, and a draft can come before it."""
        return self.local is None and comes_late(self._page.workspace, camera)

    def draw(self, camera: Camera, draft: bool) -> np.ndarray | None:
        """Draw a picture (H,W,3) uint8; None for a draft that the browser draws. Raises OvertakenError."""
        if draft and self.local is not None:
            return None
        page = self._page
        drawn = picture(page.workspace, camera, draft, stopped=page.streamer.overtaken)
        if not draft:
            page.tools.drawn(camera)
        return drawn

    def show(self, image: np.ndarray | None, draft: bool) -> None:
        """Send a picture to the browser; None shows the browser's own."""
        page = self._page
        if page.gone:
            return
        if self.local is not None:
            self.local.show(image is None)
        if image is not None:
            quality = DRAFT_QUALITY if draft else STILL_QUALITY
            page.client.scene.set_background_image(image, format="jpeg", jpeg_quality=quality)
        elif self.local is not None and self.local.takes_over():
            page.client.scene.set_background_image(None)
        page.client.flush()
