"""The tab Views: jump to the camera of a photograph, and see photograph and masks next to the splat."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
from PIL import Image

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError, SplatsegError
from splatseg.viewer.drawing.outlines_in_space import place_at, pyramids
from splatseg.viewer.page.browser_camera import pose_at_view
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Action, Choice, add_buttons, add_checkbox, assign, on_change
from splatseg.viewer.panels.segment_list import NOTHING
from splatseg.viewer.workspace.shared_links import SharedLinks

WIDTH = 700
"""Width in pixels of the pictures sent: they fill the panel, and can be opened larger."""

NOWHERE = "choose a view"

PYRAMID = 0.05
"""Depth of a drawn camera as a share of the distance from the first pose to the point it looks at."""

PYRAMIDS = (120, 200, 255)
"""Colour of drawn cameras: light blue, which few captures have in the air."""

HIT = 14.0
"""Pixels around a drawn camera's place in which a click means the camera: the width of a fingertip on a screen."""

LINK = (
    '<div style="margin:0 0.75em 0.9em;font-size:0.8125em;overflow-wrap:anywhere;user-select:all">'
    '<img src="{image}" onload="{script}" alt="" style="display:none"><code></code></div>'
)
"""The link as text; the image runs the script when it is loaded."""

STREAMED, LOCAL = "Stream pictures", "Draw in the browser"


class ViewsPanel:
    """The views and their cameras, photograph and masks of the chosen one, the way home, the drawing while moving."""

    def __init__(self, page: Page, links: SharedLinks) -> None:
        self._page, self._links = page, links
        self._names = [view.name for view in page.scene.views]
        self._at: int | None = None
        self._shown: int | None = None
        self._drawn: Any = None
        home: dict[str, Action] = {"Home": page.look_home}
        if not self._names:
            home["Flip up"] = page.flip_up
        hint = "Move the camera back to the start (key R)"
        told = "." if self._names else "; or turn the scene upside down: its up is a guess (`splatseg view --up`)."
        add_buttons(page, "Camera", home, hint=hint + told)
        add_buttons(
            page,
            "Link",
            {"Copy link": self.copy_link},
            hint="Copy an address that opens this camera and selection, for whoever may open this page.",
        )
        self._link = page.gui.add_html("", visible=False)
        moving = Choice(
            page,
            "Moving",
            (STREAMED, LOCAL),
            hint="The view while the camera moves: pictures from the server, exact but small; or the splat drawn by "
            "your browser, smooth with a graphics card, without reflections. At rest the server draws it.",
        )
        moving.on_change(self._move_by)
        self._moving = moving
        if self._names:
            self._add_list()
        else:
            page.gui.add_markdown("*There is no capture here, so there are no views to jump to.*")

    def _move_by(self, option: str) -> None:
        try:
            self._page.screen.draw_locally(option == LOCAL)
        except PromptError:
            self._moving.show(STREAMED)
            raise

    def copy_link(self) -> None:
        """Make a link to what is seen, show it, and put it into the browser's clipboard."""
        key = self._links.make(self._page.workspace, self._page.pose)
        # Only the page knows the address by which it was opened; its clipboard is closed to pages without encryption.
        script = (
            f"const link=location.origin+location.pathname+location.search+'#look={key}';"
            "this.nextSibling.textContent=link;navigator.clipboard&&navigator.clipboard.writeText(link)"
        )
        self._link.content = LINK.format(script=html.escape(script, quote=True), image=NOTHING)
        assign(self._link, "visible", True)
        self._page.say("Link", "Copied; it also stands in the tab Views.", color="green", seconds=4.0)

    def _add_list(self) -> None:
        page, gui = self._page, self._page.gui
        self._list = Choice(
            page,
            "View",
            (NOWHERE, *self._names),
            hint="Move the camera to a photograph's. Type to search; PageUp and PageDown step through the views.",
        )
        self._list.on_change(self._chosen)
        add_buttons(
            page,
            "Go to",
            {"Previous": lambda: self.step(-1), "Next": lambda: self.step(1), "Back": self.again},
            hint="The previous or the next view, or back to this one after you moved the camera.",
        )
        cameras = add_checkbox(
            page, "Show cameras", False, hint="Draw the cameras of the capture; a click on one looks through it."
        )
        on_change(page, cameras, self.show_cameras)
        self._photograph = gui.add_image(np.zeros((2, 2, 3), np.uint8), label="Photograph", visible=False)
        self._masks = gui.add_image(np.zeros((2, 2, 3), np.uint8), label="Its input masks", visible=False)
        self._note = gui.add_markdown("*Choose a view to see its photograph and masks here.*")

    def show_cameras(self, on: bool) -> None:
        """Draw the cameras of the capture into the scene, or take them away again."""
        if self._drawn is not None:
            self._drawn.remove()
            self._drawn = None
        self._page.tools.take_clicks(self._camera_clicked, on)
        if on:
            home = self._page.scene.home()
            lines = pyramids(
                [view.pinhole for view in self._page.scene.views], PYRAMID * math.dist(home.look_at, home.position)
            )
            self._drawn = self._page.client.scene.add_line_segments(
                "/cameras", lines.astype(np.float32), PYRAMIDS, thickness=1.5, thickness_units="screen"
            )

    def _camera_clicked(self, camera: Camera, pixel: tuple[float, float]) -> bool:
        places = np.array([view.camera.position for view in self._page.scene.views])
        # A camera that is looked through is not in its own picture, but at its very edge of it: it is not meant.
        apart = np.linalg.norm(places - camera.position, axis=1)
        others = np.flatnonzero(apart > 1e-3 * max(float(apart.max()), 1e-12))
        hit = place_at(camera, places[others], pixel, HIT)
        if hit is not None:
            self.go(int(others[hit]))
        return hit is not None

    def step(self, by: int) -> None:
        """Go to the view `by` places further; after the last comes the first."""
        start = self._at if self._at is not None else (-1 if by > 0 else 0)
        self.go(start + by)

    def again(self) -> None:
        """Go to the chosen view again; to the first if none is chosen."""
        self.go(self._at or 0)

    def _chosen(self, name: str) -> None:
        if name in self._names:
            self.go(self._names.index(name))

    def go(self, number: int) -> None:
        """Look from the camera of view `number`; numbers past the end count from the first."""
        self._at = number % len(self._names)
        camera = self._page.scene.views[self._at].camera
        distance = self._page.depth_ahead(camera)
        self._page.look(pose_at_view(camera, distance, self._page.aspect, self._page.scene.home().up))

    def refresh(self) -> None:
        """Show the photograph and the masks of the chosen view."""
        if self._at is None or self._at == self._shown:
            return
        self._shown = self._at
        view = self._page.scene.views[self._at]
        self._list.show(view.name)
        assign(self._note, "visible", False)
        try:
            self._photograph.image = _fitted(view.shown())
            assign(self._photograph, "visible", True)
            masks = self._page.scene.input_mask_overlay(view)
        except SplatsegError as error:
            assign(self._photograph, "visible", False)
            masks = None
            self._page.failed(error)
        if masks is not None:
            self._masks.image = _fitted(masks)
        assign(self._masks, "visible", masks is not None)


def _fitted(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
