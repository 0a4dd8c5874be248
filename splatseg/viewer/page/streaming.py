"""Draws the pictures of one browser and runs its actions, in one thread.

While the camera moves, drafts are drawn, always of the newest camera; cameras that arrive meanwhile are skipped. When
the camera rests, one full picture is drawn. Where that would be late, a draft comes before it after an action, too; and
a full picture of what a draft shows already is given up for a newer camera or another action. Actions (a click, a
slider) run in the order of arrival, before the next picture; an action with a key replaces a waiting action with the
same key, so that a slider never lags. No more than WAITING actions without a key wait, so that a flood of clicks takes
no memory.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.viewer.drawing.picture import OvertakenError

Draw = Callable[[Camera, bool], np.ndarray | None]
Show = Callable[[np.ndarray | None, bool], None]
Action = Callable[[], None]


WAITING = 32
"""Most actions without a key that wait: more than anyone clicks while one is running."""


@dataclass(frozen=True)
class StreamSettings:
    """Settings of the stream of pictures."""

    rest: float = 0.15
    """Seconds without a move after which the camera rests."""
    most_pixels: int = 2_200_000
    """Most pixels of a full picture; a larger canvas stretches a smaller picture."""


class Streamer:
    """The thread of one browser: it runs actions, then draws the picture that is due."""

    def __init__(
        self,
        draw: Draw,
        show: Show,
        failed: Callable[[Exception], None],
        settings: StreamSettings | None = None,
        late: Callable[[Camera], bool] = lambda camera: False,
    ) -> None:
        """Start the thread.

        draw: draw(camera, draft) returns a picture (H,W,3) uint8, a draft at any size, or None if none is to be sent.
            A full one may ask `overtaken` now and then and raise OvertakenError.
        show: show(picture, draft) sends it.
        failed: failed(error) handles an error of `draw`, `show` or an action.
        late: late(camera) tells whether a full picture would be so late that a draft is wanted before it.
        """
        self._draw, self._show, self._failed, self._late = draw, show, failed, late
        self.settings: StreamSettings = settings or StreamSettings()
        self.drafts: int = 0
        self.stills: int = 0
        self._changed = threading.Condition()
        self._actions: list[tuple[str | None, Action, bool]] = []
        self._camera: Camera | None = None
        self._moved_at = -math.inf
        self._owes_draft = False
        self._owes_still = False
        self._drafted: Camera | None = None
        self._drawing: Camera | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="splatseg-browser", daemon=True)
        self._thread.start()

    @property
    def camera(self) -> Camera | None:
        """The newest camera, at full size; None before the first one."""
        return self._camera

    def moved(self, camera: Camera) -> None:
        """Take the browser's new camera."""
        with self._changed:
            first = self._camera is None
            self._camera = _at_most(camera, self.settings.most_pixels)
            self._moved_at = -math.inf if first else time.monotonic()
            self._owes_draft = not first
            self._owes_still = True
            self._changed.notify()

    def overtaken(self) -> bool:
        """Return True if the full picture that is being drawn need not be finished: a newer one is asked for.

        One that no draft came before is always finished, so that a slider that moves on and on shows what it does.
        """
        with self._changed:
            newer = self._camera is not self._drawing or any(draws for *_, draws in self._actions)
            return self._closed or (self._drafted is self._drawing and newer)

    def do(self, action: Action, key: str | None = None, draws: bool = True) -> bool:
        """Run an action in the browser's thread, then draw; return False if it is dropped, as WAITING actions wait.

        key: replaces a waiting action with the same key; such an action is never dropped.
        draws: False for an action that changes no picture.
        """
        with self._changed:
            if key is not None:
                self._actions = [waiting for waiting in self._actions if waiting[0] != key]
            elif sum(waiting[0] is None for waiting in self._actions) >= WAITING:
                return False
            self._actions.append((key, action, draws))
            self._changed.notify()
            return True

    def close(self, wait: float = 5.0) -> None:
        """Stop the thread; waiting actions are dropped. wait: most seconds to wait for it."""
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
                    self._drafted = None
            late = self._is_late()
            with self._changed:
                if self._closed:
                    return
                picture = self._due(late)
            if picture is not None:
                self._guarded(picture)

    def _has_work(self) -> bool:
        rested = self._owes_still and self._until_rest() is None
        return self._closed or bool(self._actions) or (self._camera is not None and (self._owes_draft or rested))

    def _until_rest(self) -> float | None:
        """Return the seconds until the camera counts as resting; None if it rests."""
        left = self._moved_at + self.settings.rest - time.monotonic()
        return left if left > 0.0 else None

    def _is_late(self) -> bool:
        """Return True if a full picture is due that would be late."""
        camera = self._camera
        if camera is None or not (self._owes_still and self._owes_draft) or self._until_rest() is not None:
            return False
        return bool(self._guarded(lambda: self._late(camera)))

    def _due(self, late: bool) -> Action | None:
        """Return the drawing that is due, if any, and mark it as done. late: the full picture would be."""
        camera = self._camera
        if camera is None:
            return None
        if self._owes_still and self._until_rest() is None and not (self._owes_draft and late):
            self._owes_draft = self._owes_still = False
            self._drawing = camera
            return lambda: self._still(camera)
        if self._owes_draft:
            self._owes_draft = False
            return lambda: self._draft(camera)
        return None

    def _still(self, camera: Camera) -> None:
        try:
            self._show(self._draw(camera, False), False)
            self.stills += 1
        except OvertakenError:
            self._owes_still = True

    def _draft(self, camera: Camera) -> None:
        self._show(self._draw(camera, True), True)
        self.drafts += 1
        self._drafted = camera

    def _guarded(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:
            self._failed(error)


def _at_most(camera: Camera, pixels: int) -> Camera:
    shrink = math.sqrt(pixels / (camera.width * camera.height))
    if shrink >= 1.0:
        return camera
    return camera.scaled(shrink)
