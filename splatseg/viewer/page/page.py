"""One browser: its workspace, its picture, and its side panel.

Events of the browser arrive on viser's threads and are passed to the page's one thread (`Streamer`), so that a
workspace is never changed by two threads. Errors are shown in the page, which stays alive.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError, SplatsegError
from splatseg.scene.first_pose import Pose, pose_of
from splatseg.viewer.page.browser_camera import camera_of, fov_for, pixel_at
from splatseg.viewer.page.incoming import Accept, Offers
from splatseg.viewer.page.screen import Screen
from splatseg.viewer.page.streaming import Streamer
from splatseg.viewer.page.tools import Tools
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.workspace import How, Workspace

if TYPE_CHECKING:
    import viser

LOG = logging.getLogger("splatseg.viewer")

TASKS = 4
"""Most long tasks of all pages at once; one whose page is gone goes on, so that a reload loses no film."""

SECONDS_BETWEEN_COMPLAINTS = 5.0
"""Least seconds between two notes that the page is too busy."""

Modifier = Literal["shift", "alt", "cmd/ctrl", "cmd/ctrl+shift"]
NoteColor = Literal["green", "yellow", "orange", "red"]

HOW: dict[Modifier, How] = {"shift": "add", "cmd/ctrl": "remove", "alt": "remove"}
"""Effect of a click or a rectangle with each modifier key; without one it is that of `Tools.how`."""

WANTED = (40, 220, 120)
UNWANTED = (255, 70, 70)
"""Colours of the markers of clicks that add, and of clicks that take away."""

MARKER = 0.006
"""Size of a marker as a share of the distance from the first pose to the point it looks at."""

SMALLEST_SIDE = 16
"""Least pixels of a canvas along a side: a page that is hidden, or not laid out yet, reports fewer."""

AROUND = 1.6
"""Distance to a box as a multiple of the distance at which it fills the picture."""


class Page:
    """One browser's page."""

    def __init__(
        self,
        client: viser.ClientHandle,
        scene: ShownScene,
        workspace: Workspace,
        exports: Path,
        offers: Offers,
        tasks: threading.Semaphore,
    ) -> None:
        """Make the page of a client.

        exports: the folder for exported files.
        offers: takes the controls that this page has.
        tasks: counts the long tasks of all pages.
        """
        self.client: viser.ClientHandle = client
        self.gui: viser.GuiApi = client.gui
        self.scene: ShownScene = scene
        self.workspace: Workspace = workspace
        self.exports: Path = exports
        self.panels: list[Any] = []
        self.rectangle: bool = False
        self.begun: bool = False
        self.gone: bool = False
        self._markers: Any = None
        self._marked: list[tuple[tuple[float, ...], bool]] = []
        self.screen: Screen = Screen(self)
        self.tools: Tools = Tools(self)
        self._busy = threading.Lock()
        self._offers, self._offered = offers, list[str]()
        self._tasks = tasks
        self._complained = -math.inf
        self._home: tuple[Pose, float] | None = None
        self.streamer: Streamer = Streamer(self.screen.draw, self.screen.show, self.failed, late=self.screen.late)

    def begin(self) -> None:
        """Start listening to the browser: camera, clicks and rectangles."""
        self.client.camera.on_update(self.heard(self._camera_moved))
        self._camera_moved(self.client.camera)  # first, since a click may come as soon as it is listened to
        self.client.scene.on_click(modifier=None)(self._clicked(None))
        for modifier, how in HOW.items():
            self.client.scene.on_click(modifier=modifier)(self._clicked(how))
            self.client.scene.on_rect_select(modifier=modifier)(self._boxed(how))
        self._plain_box = self._boxed(None)
        self.tools.begin()
        self.look_home()
        self.do(lambda: None)
        self.begun = True

    def end(self) -> None:
        """Stop drawing: the browser is gone."""
        self.gone = True
        self._offers.remove(self._offered)
        self.streamer.close()

    # Called by panels.

    def offer(self, control: Any, accept: Accept) -> None:
        """Let the browser use a control; until then all that it sends for it is ignored. accept: see `Offers.add`."""
        self.offer_named(str(control._impl.uuid), accept)

    def offer_named(self, name: str, accept: Accept) -> None:
        """Let the browser use what has no control's id, such as a gizmo, by its name."""
        self._offered.append(name)
        self._offers.add(name, accept)

    def heard(self, callback: Callable[[Any], None]) -> Callable[[Any], Any]:
        """Return a coroutine function that passes an event of viser to `callback` and shows what it raises.

        viser runs coroutine functions in the order of the events.
        """

        async def listener(event: Any) -> None:
            try:
                callback(event)
            except Exception as error:
                self.failed(error)

        return listener

    def do(self, action: Callable[[], None], key: str | None = None) -> None:
        """Run an action in the page's thread, then update panels and picture. key: see `Streamer.do`.

        An action without a key is dropped, and the user told, if too many wait already.
        """

        def run() -> None:
            try:
                action()
            finally:
                self.refresh()

        if not self.streamer.do(run, key) and time.monotonic() - self._complained > SECONDS_BETWEEN_COMPLAINTS:
            self._complained = time.monotonic()
            self.say("Not so fast", "The page is still busy with earlier actions, so this one was ignored.", "yellow")

    def tell(self) -> None:
        """Update the panels, but not the picture: for the progress of a long task."""
        self.streamer.do(self.refresh, "tell", draws=False)

    def refresh(self) -> None:
        """Update panels and markers from the workspace; runs in the page's thread."""
        if self.gone:
            return
        with self.client.atomic():
            for panel in self.panels:
                panel.refresh()
            self._mark()

    def in_background(self, name: str, work: Callable[[], None], light: bool = False) -> None:
        """Run a long task in a thread of its own while the page stays usable.

        light: it needs next to no memory and time, so it does not count among TASKS.

        Raises PromptError if one is running in this page, or TASKS in all pages.
        """

        def run() -> None:
            try:
                work()
            except Exception as error:
                self.failed(error)
            finally:
                if not light:
                    self._tasks.release()
                self._busy.release()

        if not self._busy.acquire(blocking=False):
            raise PromptError("another task is still running; wait until it has finished")
        if not light and not self._tasks.acquire(blocking=False):
            self._busy.release()
            raise PromptError(f"{TASKS} tasks are running in other pages; wait until one has finished")
        # Not a daemon: a file being written is finished before the server ends.
        threading.Thread(target=run, name=f"splatseg-{name}").start()

    @property
    def busy(self) -> bool:
        """True while a long task is running."""
        return self._busy.locked()

    def download(self, path: Path) -> None:
        """Send a file to the browser; return when all of it is on its way, so that no two wait in memory."""
        if self.gone:
            return
        self.client.send_file_download(path.name, path.read_bytes())
        buffer = self.client._websock_connection.get_message_buffer()
        while not self.gone and any(
            type(message).__name__ == "FileTransferPart" for message in list(buffer.message_from_id.values())
        ):
            time.sleep(0.05)

    def say(self, title: str, text: str, color: NoteColor | None = None, seconds: float | None = 6.0) -> None:
        """Show a note in the corner of the picture. seconds: None keeps it until it is closed."""
        if self.gone:
            return
        self.client.add_notification(title, text, auto_close_seconds=seconds, color=color)

    def failed(self, error: Exception) -> None:
        """Show an error: the message of a user's mistake; anything else with its type, and a line in the log."""
        if isinstance(error, SplatsegError):
            text = str(error)
            self.say("That did not work", text[:1].upper() + text[1:], color="orange", seconds=10.0)
            return
        LOG.error("the page of browser %d: %s", self.client.client_id, _one_line(error))
        LOG.debug("the traceback of that error", exc_info=error)
        text = f"{type(error).__name__}: {error}. The page goes on; details are in the terminal."
        self.say("An unexpected error", text, color="red", seconds=None)

    @property
    def camera(self) -> Camera:
        """The browser's camera at the size of full pictures."""
        assert self.streamer.camera is not None, "a page has a camera from `begin` on"
        return self.streamer.camera

    @property
    def pose(self) -> Pose:
        """The browser's pose: position, point it turns around, up, field of view."""
        camera = self.client.camera
        return pose_of(camera.position, camera.look_at, camera.up_direction, camera.fov)

    @property
    def aspect(self) -> float:
        """Width / height of the picture."""
        return self.camera.width / self.camera.height

    @property
    def marker_size(self) -> float:
        """Size of a marker in the scene, world units."""
        return MARKER * math.dist(self.scene.home().look_at, self.scene.home().position)

    def look(self, pose: Pose) -> None:
        """Move the browser's camera to a pose."""
        camera = self.client.camera
        with self.client.atomic():
            camera.up_direction = pose.up
            camera.position = pose.position
            camera.look_at = pose.look_at
            camera.fov = pose.fov
        self._camera_moved(camera)

    def look_home(self) -> None:
        """Move to the first pose, wide enough to hold the capture's view in a browser of any aspect."""
        home, aspect = self.scene.home(), math.nan
        if self.streamer.camera is not None:  # a page that is not laid out yet has none; `_stay_home` will follow
            aspect = self.aspect
        if self.scene.views and aspect > 0.0:
            middle = self.scene.views[len(self.scene.views) // 2].pinhole
            home = dataclasses.replace(home, fov=fov_for(middle, aspect))
        self._home = (home, aspect)
        self.look(home)

    def flip_up(self) -> None:
        """Turn the scene upside down for every page, and look from the start."""
        self.scene.turn(-np.asarray(self.scene.home().up))
        self.look_home()

    def look_at_box(self, box: np.ndarray) -> None:
        """Look from the present direction at a box (2,3), lower and upper corner, and see all of it."""
        lower, upper = box
        pose, centre = self.pose, (lower + upper) / 2.0
        radius = max(float(np.linalg.norm(upper - lower)) / 2.0, 1e-6)
        towards = np.asarray(pose.look_at) - pose.position
        distance = AROUND * radius / np.sin(min(pose.fov, pose.fov * self.aspect) / 2.0)
        place = centre - towards / np.linalg.norm(towards) * distance
        self.look(pose_of(place, centre, np.asarray(pose.up), pose.fov))

    def depth_ahead(self, camera: Camera) -> float:
        """Return the depth, world units, of the point that a browser at a camera turns around."""
        home = self.scene.home()
        ahead = float((np.asarray(home.look_at) - camera.position) @ camera.viewmat[2, :3])
        return ahead if ahead > 0.0 else float(np.linalg.norm(np.asarray(home.look_at) - home.position))

    def set_rectangle(self, on: bool) -> None:
        """Let a drag without modifier keys draw a rectangle, or turn the camera again."""
        if on != self.rectangle:
            self.rectangle = on
            if on:
                self.client.scene.on_rect_select()(self._plain_box)
            else:
                self.client.scene.remove_rect_select_callback(self._plain_box)

    # Events.

    def _camera_moved(self, camera: Any) -> None:
        width, height = camera.image_width, camera.image_height
        if min(width, height) >= SMALLEST_SIDE:
            self.streamer.moved(camera_of(camera.wxyz, camera.position, camera.fov, width, height))
            self._stay_home()

    def _stay_home(self) -> None:
        """Fit the first pose to the canvas anew if that has changed: the panel docks after the first picture.

        Another pose than the first is no reason to give up: a browser under load reports its own old one once more.
        """
        if self._home is None or self.aspect == self._home[1]:
            return
        home, pose = self._home[0], self.pose
        there = [*pose.position, *pose.look_at, pose.fov]
        if np.allclose(there, [*home.position, *home.look_at, home.fov], rtol=1e-4):
            self.look_home()

    def _clicked(self, how: How | None) -> Callable[[Any], Any]:
        def clicked(event: Any) -> None:
            camera = self.camera
            pixel = pixel_at(event.screen_pos, camera)
            self.do(lambda: self.tools.clicked(camera, pixel, how))

        return self.heard(clicked)

    def _boxed(self, how: How | None) -> Callable[[Any], Any]:
        def boxed(event: Any) -> None:
            camera = self.camera
            corners = (*pixel_at(event.screen_min, camera), *pixel_at(event.screen_max, camera))
            self.do(lambda: self.tools.boxed(camera, corners, how or self.tools.how))

        return self.heard(boxed)

    def _mark(self) -> None:
        markers = [(tuple(np.asarray(m.xyz, dtype=np.float64).tolist()), m.wanted) for m in self.workspace.markers]
        if markers == self._marked:
            return
        self._marked = markers
        if self._markers is not None:
            self._markers.remove()
            self._markers = None
        if markers:
            self._markers = self.client.scene.add_point_cloud(
                "/markers",
                points=np.array([place for place, _ in markers], dtype=np.float32),
                colors=np.array([WANTED if wanted else UNWANTED for _, wanted in markers], dtype=np.uint8),
                point_size=self.marker_size,
                point_shape="circle",
                precision="float32",
            )


def _one_line(error: Exception) -> str:
    """Return type, message and place of an error, without line breaks and other control characters."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
    text = " ".join(f"{type(error).__name__}: {error}{place}".split())
    return "".join(each if each.isprintable() else "?" for each in text)
