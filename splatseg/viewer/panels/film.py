"""The controls for a camera path: add keyframes, then play the path or write it as a video."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from splatseg.errors import PromptError
from splatseg.scene.first_pose import Pose, camera_at
from splatseg.viewer.drawing.outlines_in_space import chain, pyramids
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Choice, Slider, add_buttons, assign
from splatseg.viewer.panels.writer import Writer
from splatseg.viewer.writing import film

KEYFRAMES = 100
"""Most keyframes of a path: more than one each second of the longest film."""

MARK = 0.03
"""Depth of a keyframe's drawn camera as a share of the distance from the first pose to the point it looks at."""

PATH = (255, 210, 90)
"""Colour of the drawn path."""

PIECES = 24
"""Straight pieces of the drawn path a keyframe, so that it looks bent."""

SIZES = {"1280 x 720": (1280, 720), "1920 x 1080": (1920, 1080), "854 x 480": (854, 480)}


class FilmControls:
    """Keyframes, length and size of the film, play and write."""

    def __init__(self, page: Page, writer: Writer, marked: Callable[[], bool]) -> None:
        """Add the controls. marked: tells whether the selection is to be marked."""
        self._page, self._writer, self._marked = page, writer, marked
        self._keyframes: list[Pose] = []
        self._shown: list[Pose] = []
        self._drawn: Any = None
        gui = page.gui
        self._status = gui.add_markdown("")
        add_buttons(
            page,
            "Keyframes",
            {"Add": self.add, "Remove last": self.remove, "Clear": self.clear},
            hint="Add the present camera to the path (V).",
        )
        self._seconds = Slider(
            page, "Seconds", (1.0, 60.0, 0.5, 6.0), hint="Length of the whole path, in the film and when played."
        )
        self._size = Choice(page, "Size", tuple(SIZES), hint="Width and height of the film in pixels.")
        add_buttons(
            page,
            "Film",
            {"Play": self.play, "Write video": self.write},
            hint="Fly along the path in this page, or write it as a video in the present mode.",
        )

    def add(self) -> None:
        """Add the present camera as a keyframe."""
        if len(self._keyframes) >= KEYFRAMES:
            raise PromptError(f"a camera path has at most {KEYFRAMES} keyframes; write this one, then press Clear")
        self._keyframes.append(self._page.pose)

    def remove(self) -> None:
        """Remove the last keyframe."""
        if not self._keyframes:
            raise PromptError("the camera path has no keyframes; press Add first")
        self._keyframes.pop()

    def clear(self) -> None:
        """Remove all keyframes."""
        self._keyframes.clear()

    def play(self) -> None:
        """Fly along the path in the page."""
        seconds = self._seconds.value
        poses = film.poses_through(self._keyframes, max(2, round(seconds * 15)))

        def fly() -> None:
            start = time.monotonic()
            while (share := (time.monotonic() - start) / seconds) < 1.0 and not self._page.gone:
                self._page.look(poses[int(share * len(poses))])
                time.sleep(1 / 30)
            if not self._page.gone:
                self._page.look(poses[-1])

        self._page.in_background("play", fly, light=True)

    def write(self) -> None:
        """Write the path as a video, and its keyframes next to it."""
        count = max(2, round(self._seconds.value * film.RATE))
        keyframes, size = tuple(self._keyframes), SIZES[self._size.value]
        film.cameras_through(keyframes, 2, size)  # raises for missing keyframes before anything is written
        # A film takes a while: a copy keeps the present state, whatever is clicked meanwhile.
        path, workspace = self._writer.new_path("path", film.SUFFIX), self._page.workspace.copy()
        marked, progress = self._marked(), self._writer.progress
        self._writer.write(lambda: film.write_film(workspace, keyframes, count, size, path, progress, marked), path)

    def _draw_path(self) -> None:
        """Draw the path of the keyframes into the scene, with a camera at each of them."""
        if self._drawn is not None:
            self._drawn.remove()
            self._drawn = None
        home, keyframes = self._page.scene.home(), tuple(self._keyframes)
        if keyframes:
            depth = MARK * math.dist(home.look_at, home.position)
            lines = [pyramids([camera_at(pose, 16, 9) for pose in keyframes], depth)]
            if len(set(keyframes)) > 1:
                between = film.poses_through(keyframes, PIECES * len(keyframes))
                lines.append(chain(np.array([pose.position for pose in between])))
            self._drawn = self._page.client.scene.add_line_segments(
                "/path", np.concatenate(lines).astype(np.float32), PATH, thickness=2.0, thickness_units="screen"
            )

    def refresh(self) -> None:
        """Show the number of keyframes, and their path if it has changed."""
        if self._shown != self._keyframes:
            self._shown = list(self._keyframes)
            self._draw_path()
        count = len(self._keyframes)
        text = "No keyframes yet." if not count else f"{count} keyframe{'s' if count > 1 else ''}."
        assign(self._status, "content", text)
