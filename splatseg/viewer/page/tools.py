"""The tools of a page that select in its picture: click, rectangle, lasso, polygon, brush and colour.

Clicks and rectangles are events of viser; strokes, taps of a finger and the place of the pointer come from our own
script (`strokes`). A tool other than the click keeps its own answer to what it takes (`Takes`). Without modifier keys
an event has the effect that is set for the page; Shift adds, Ctrl and Alt take away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.regions.drawn import brush_pixels, lasso_pixels, rectangle_pixels
from splatseg.viewer.page.browser_camera import pixel_at
from splatseg.viewer.page.hovering import NOTHING, Hover
from splatseg.viewer.page.incoming import REFUSED
from splatseg.viewer.page.strokes import Pen, Stroke, place_of, stroke_of
from splatseg.viewer.workspace.region_tools import RegionTools, Takes
from splatseg.viewer.workspace.workspace import How

if TYPE_CHECKING:
    from splatseg.viewer.page.page import Page

Tool = Literal["click", "rectangle", "lasso", "polygon", "brush", "color"]

ClickTaker = Callable[[Camera, tuple[float, float]], bool]
"""taker(camera, pixel) returns True if it takes the click at a pixel of the camera's picture."""

RADIUS = 24.0
"""Radius of the brush at the start, pixels of the browser."""

TOLERANCE = 0.1
"""Tolerance of the colour tool at the start, a distance in OKLab."""


class Tools:
    """The tools of one page.

    Attributes:
        regions: Selects by regions in the page's workspace.
        tool: The tool in use.
        how: The effect of an event without modifier keys.
        radius: Radius of the brush, pixels of the browser.
        tolerance: Tolerance of colours, a distance in OKLab.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.regions: RegionTools = RegionTools(page.workspace)
        self.tool: Tool = "click"
        self.how: How = "new"
        self.radius: float = RADIUS
        self.tolerance: float = TOLERANCE
        self._hover = Hover(page.workspace)
        self._lit = NOTHING
        strokes: Takes = "visible"
        self._takes: dict[Tool, Takes] = dict.fromkeys(get_args(Tool), strokes)
        if page.scene.selectable:
            self._takes["rectangle"] = "objects"
        self._pen: Pen | None = None
        self._takers: list[ClickTaker] = []
        self._looking = threading.Lock()
        self._look_next: Camera | None = None

    def begin(self) -> None:
        """Start the script in the browser, and listen to it."""
        ear = self._page.gui.add_text("", "", visible=False)
        self._page.offer(ear, lambda value: value if isinstance(value, str) else REFUSED)
        ear.on_update(self._page.heard(self._heard))
        self._pen = Pen(self._page.client, str(ear._impl.uuid))
        self.refresh()

    def use(self, tool: Tool) -> None:
        """Take another tool; strokes are drawn by drags from then on, and no longer turn the camera."""
        self.tool = tool
        self._page.set_rectangle(tool == "rectangle")
        self.refresh()

    def take_clicks(self, taker: ClickTaker, on: bool) -> None:
        """Ask a taker first at each click without keys, or no more; the click is over if it returns True."""
        self._takers = [one for one in self._takers if one != taker] + ([taker] if on else [])

    @property
    def takes(self) -> Takes:
        """Gaussians that the tool in use takes."""
        return self._takes[self.tool]

    @takes.setter
    def takes(self, takes: Takes) -> None:
        self._takes[self.tool] = takes

    def refresh(self) -> None:
        """Tell the script the tool, its effect and the radius."""
        if self._pen is not None:
            shown = "click" if self.tool == "color" else self.tool
            self._pen.use(tool=shown, how=self.how, radius=self.radius)

    # Events ----------------------------------------------------------------------------------------------------------

    def clicked(self, camera: Camera, pixel: tuple[float, float], how: How | None = None) -> None:
        """Select at a pixel: the object there, or all of its colour. how: None takes the effect that is set.

        Without it, those who take clicks (`take_clicks`) are asked first.
        """
        if how is None and any(takes(camera, pixel) for takes in self._takers):
            return
        how = how or self.how
        if self.tool == "color":
            self.regions.alike(camera, pixel, self.tolerance, how)
        elif not self._page.scene.selectable:
            raise PromptError("this splat has no segments that a click could find; draw a lasso (L) or brush (T) on it")
        else:
            self._page.workspace.click(camera, pixel, how)

    def boxed(self, camera: Camera, corners: tuple[float, float, float, float], how: How) -> None:
        """Select by a rectangle (x0, y0, x1, y1): the object that fills it, or what lies in it."""
        takes = self._takes["rectangle"]
        if takes == "objects":
            self._page.workspace.box(camera, corners, how)
        else:
            self.regions.drawn(camera, rectangle_pixels(corners, camera.width, camera.height), takes, how)

    def stroke(self, camera: Camera, stroke: Stroke) -> None:
        """Select by a stroke in the picture of a camera."""
        width, height = camera.width, camera.height
        points = stroke.points * (width, height)
        if stroke.tool == "rectangle":
            (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
            self.boxed(camera, (float(x0), float(y0), float(x1), float(y1)), stroke.how)
            return
        if stroke.tool == "brush":
            region = brush_pixels(points, max(stroke.radius * height, 0.5), width, height)
        else:
            region = lasso_pixels(points, width, height)
        self.regions.drawn(camera, region, self._takes[stroke.tool], stroke.how)

    def drawn(self, camera: Camera) -> None:
        """Prepare for strokes in a picture that was drawn and is at rest."""
        if self.tool in ("lasso", "polygon", "brush"):
            self._page.streamer.do(lambda: self._look(camera), "look", draws=False)

    def _look(self, camera: Camera) -> None:
        """Prepare for strokes; where that takes long in a thread of its own, one at a time, beside the page's.

        A stroke that comes before it has ended waits for it.
        """
        page, takes = self._page, self.takes
        if camera is not page.streamer.camera:  # it has moved on, and what was seen is of no use
            return
        if not page.workspace.canvas.waits.late("prepared"):
            self.regions.look(camera, takes)
            return
        self._look_next = camera  # before the lock is tried: who holds it takes this one next
        if self._looking.acquire(blocking=False):
            self._look_next = None
            # Not a daemon: the interpreter must not end while native code runs in this thread.
            threading.Thread(target=self._look_aside, args=(camera, takes), name="splatseg-look").start()

    def _look_aside(self, camera: Camera, takes: Takes) -> None:
        try:
            self.regions.look(camera, takes)
        except Exception as error:
            self._page.failed(error)
        finally:
            self._looking.release()
        wanted, self._look_next = self._look_next, None
        if wanted is not None:
            self._page.streamer.do(lambda: self._look(wanted), "look", draws=False)

    def _heard(self, event: Any) -> None:
        if event.client is None:
            return
        _, _, message = str(event.target.value).partition(" ")
        verb, _, rest = message.partition(":")
        page, camera = self._page, self._page.camera
        if verb == "stroke":
            page.do(lambda: self.stroke(camera, stroke_of(rest)))
        elif verb == "hover":
            page.streamer.do(lambda: self._light(camera, rest), "hover", draws=False)
        elif verb == "tap":
            how, _, place = rest.partition(":")
            at = place_of(place)
            if at is not None and how in get_args(How):
                kept: Any = None if how == self.how else how
                page.do(lambda: self.clicked(camera, pixel_at(at, camera), kept))

    def _light(self, camera: Camera, text: str) -> None:
        at, _, dark = text.partition(":")
        place = place_of(at)
        lit = NOTHING if place is None or self.tool != "click" else self._hover.at(camera, place)
        # The page goes dark by itself at a press or a turn of the wheel.
        if self._pen is not None and (lit != self._lit or (dark and lit != NOTHING)):
            self._pen.light(*lit)
        self._lit = lit
