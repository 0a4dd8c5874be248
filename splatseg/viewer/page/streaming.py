"""The pictures of one browser, and everything that changes them, in one thread.

While the camera moves, drafts are drawn: the newest camera wins, those it overtakes are never drawn. When it rests, one
full picture. What a person does (a click, a slider) is run in the order it came, before the next picture; an action
with a key replaces one with the same key that still waits, so that a slider never lags behind the hand.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera

Draw = Callable[[Camera, bool], np.ndarray | None]
Show = Callable[[np.ndarray | None, bool], None]
Action = Callable[[], None]


@dataclass(frozen=True)
class StreamSettings:
    """How pictures follow a camera. Times in seconds."""

    rest: float = 0.15
    """The camera rests when it has not moved for this long."""
    most_pixels: int = 2_200_000
    """Full pictures have at most so many pixels; larger canvases get a smaller picture, stretched."""


class Streamer:
    """One browser's thread: run actions, then draw what is owed."""

    def __init__(
        self,
        draw: Draw,
        show: Show,
        failed: Callable[[Exception], None],
        settings: StreamSettings | None = None,
    ) -> None:
        """draw(camera, draft) gives (H,W,3) uint8, a draft of any size, or None if there is nothing to send;
        show(picture, draft) sends it;
        failed(error) is told what either, or an action, raised."""
        self._draw, self._show, self._failed = draw, show, failed
        self.settings: StreamSettings = settings or StreamSettings()
        self.drafts: int = 0
        self.stills: int = 0
        self._changed = threading.Condition()
        self._actions: list[tuple[str | None, Action, bool]] = []
        self._camera: Camera | None = None
        self._moved_at = -math.inf
        self._owes_draft = False
        self._owes_still = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="splatseg-browser", daemon=True)
        self._thread.start()

    @property
    def camera(self) -> Camera | None:
        """The newest camera, at full size; None before the browser told one."""
        return self._camera

    def moved(self, camera: Camera) -> None:
        """The browser's camera is here now."""
        with self._changed:
            first = self._camera is None
            self._camera = _at_most(camera, self.settings.most_pixels)
            self._moved_at = -math.inf if first else time.monotonic()
            self._owes_draft = not first
            self._owes_still = True
            self._changed.notify()

    def do(self, action: Action, key: str | None = None, draws: bool = True) -> None:
        """Run an action in this browser's thread and draw what came of it, unless nothing does (`draws` False)."""
        with self._changed:
            if key is not None:
                self._actions = [waiting for waiting in self._actions if waiting[0] != key]
            self._actions.append((key, action, draws))
            self._changed.notify()

    def close(self, wait: float = 5.0) -> None:
        """End the thread; what still waits is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(wait)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=self._until_rest())
                if self._closed:
                    return
                actions, self._actions = self._actions, []
            for _, action, _ in actions:
                self._guarded(action)
            with self._changed:
                if any(draws for *_, draws in actions):
                    self._owes_draft = self._owes_still = True
                picture = self._due()
            if picture is not None:
                self._guarded(picture)

    def _has_work(self) -> bool:
        rested = self._owes_still and self._until_rest() is None
        return self._closed or bool(self._actions) or (self._camera is not None and (self._owes_draft or rested))

    def _until_rest(self) -> float | None:
        """Seconds until the camera counts as resting; None if it does."""
        left = self._moved_at + self.settings.rest - time.monotonic()
        return left if left > 0.0 else None

    def _due(self) -> Action | None:
        """What to draw now, as no longer owed."""
        camera = self._camera
        if camera is None:
            return None
        if self._owes_still and self._until_rest() is None:
            self._owes_draft = self._owes_still = False
            return lambda: self._still(camera)
        if self._owes_draft:
            self._owes_draft = False
            return lambda: self._draft(camera)
        return None

    def _still(self, camera: Camera) -> None:
        self._show(self._draw(camera, False), False)
        self.stills += 1

    def _draft(self, camera: Camera) -> None:
        self._show(self._draw(camera, True), True)
        self.drafts += 1

    def _guarded(self, action: Action) -> None:
        try:
            action()
        except Exception as error:
            self._failed(error)


def _at_most(camera: Camera, pixels: int) -> Camera:
    shrink = math.sqrt(pixels / (camera.width * camera.height))
    if shrink >= 1.0:
        return camera
    return camera.resized(max(1, round(camera.width * shrink)), max(1, round(camera.height * shrink)))
