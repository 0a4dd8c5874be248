"""The newest camera wins, actions come in order, and nothing that fails ends the stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.viewer.drawing.picture import OvertakenError
from splatseg.viewer.page.streaming import WAITING, Streamer, StreamSettings


def camera_at(x: float, width: int = 64, height: int = 48) -> Camera:
    viewmat = np.eye(4)
    viewmat[0, 3] = x
    return Camera(viewmat, np.array([[50.0, 0, width / 2], [0, 50.0, height / 2], [0, 0, 1]]), width, height)


class Screen:
    """Draws in the time it is told, and notes what it was asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.drawn: list[tuple[float, int, bool]] = []
        self.errors: list[Exception] = []

    def draw(self, camera: Camera, draft: bool) -> np.ndarray:
        time.sleep(self.seconds)
        self.drawn.append((float(camera.viewmat[0, 3]), camera.width, draft))
        return np.zeros((camera.height, camera.width, 3), np.uint8)

    def show(self, image: np.ndarray | None, draft: bool) -> None:
        pass


def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen in ten seconds")


def stream(screen: Screen, **settings: float) -> Streamer:
    return Streamer(screen.draw, screen.show, screen.errors.append, StreamSettings(**settings))  # type: ignore[arg-type]


def occupy(streamer: Streamer) -> threading.Event:
    """Keep the streamer's thread at an action until the event that is returned is set."""
    begun, gate = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait()

    streamer.do(wait)
    assert begun.wait(60.0)
    return gate


def test_the_first_camera_gets_a_full_picture_at_once() -> None:
    screen = Screen()
    streamer = stream(screen, rest=1000.0)
    streamer.moved(camera_at(0.0))
    wait_for(lambda: bool(screen.drawn))
    streamer.close()
    assert screen.drawn == [(0.0, 64, False)]


def test_cameras_that_are_overtaken_are_never_drawn() -> None:
    screen = Screen()
    streamer = stream(screen, rest=0.1)
    gate = occupy(streamer)
    for step in range(101):
        streamer.moved(camera_at(float(step)))
    gate.set()
    wait_for(lambda: bool(screen.drawn) and screen.drawn[-1] == (100.0, 64, False))
    streamer.close()
    assert {x for x, _, _ in screen.drawn} == {100.0}


def test_a_moving_camera_gets_drafts_and_a_resting_one_the_full_picture() -> None:
    screen = Screen()
    streamer = stream(screen, rest=0.15)
    streamer.moved(camera_at(0.0))
    wait_for(lambda: streamer.stills == 1)
    streamer.moved(camera_at(1.0))
    wait_for(lambda: streamer.stills == 2)
    streamer.close()
    assert [(x, draft) for x, _, draft in screen.drawn] == [(0.0, False), (1.0, True), (1.0, False)]


def test_actions_run_in_order_and_a_key_keeps_only_the_last() -> None:
    screen, done = Screen(), []
    streamer = stream(screen)
    gate = occupy(streamer)
    for value in range(5):
        streamer.do(lambda value=value: done.append(f"slider {value}"), "slider")  # type: ignore[misc]
    streamer.do(lambda: done.append("click"))
    gate.set()
    wait_for(lambda: "click" in done)
    streamer.close()
    assert done == ["slider 4", "click"]


def test_no_more_than_some_actions_wait_and_those_with_a_key_always_do() -> None:
    screen, done = Screen(), []
    streamer = stream(screen)
    gate = occupy(streamer)
    taken = [streamer.do(lambda number=number: done.append(number)) for number in range(1000)]  # type: ignore[misc]
    assert taken == [True] * WAITING + [False] * (1000 - WAITING)
    assert streamer.do(lambda: done.append(-1), "table")
    gate.set()
    wait_for(lambda: -1 in done)
    streamer.close()
    assert done == [*range(WAITING), -1]


def test_an_action_is_followed_by_a_full_picture_when_the_camera_rests() -> None:
    screen = Screen()
    streamer = stream(screen, rest=0.01)
    streamer.moved(camera_at(0.0))
    wait_for(lambda: streamer.stills == 1)
    streamer.do(lambda: None)
    wait_for(lambda: streamer.stills == 2)
    streamer.close()
    assert all(not draft for _, _, draft in screen.drawn)


def test_what_fails_is_told_and_the_stream_goes_on() -> None:
    screen = Screen()
    streamer = stream(screen)
    streamer.do(lambda: 1 // 0)  # type: ignore[arg-type]
    streamer.moved(camera_at(0.0))
    wait_for(lambda: streamer.stills == 1)
    streamer.close()
    assert [type(error) for error in screen.errors] == [ZeroDivisionError]


def test_a_huge_canvas_gets_a_picture_of_bounded_size() -> None:
    screen = Screen()
    streamer = stream(screen, most_pixels=10_000)
    streamer.moved(camera_at(0.0, 400, 300))
    wait_for(lambda: streamer.stills == 1)
    assert streamer.camera is not None
    streamer.close()
    assert streamer.camera.width * streamer.camera.height <= 10_100
    assert abs(streamer.camera.width / streamer.camera.height - 4 / 3) < 0.02


def test_what_changes_no_picture_draws_none() -> None:
    screen, done = Screen(), threading.Event()
    streamer = stream(screen)
    streamer.moved(camera_at(0.0))
    wait_for(lambda: bool(screen.drawn))
    streamer.do(done.set, "tell", draws=False)
    assert done.wait(10.0)
    time.sleep(0.1)
    assert len(screen.drawn) == 1
    streamer.do(lambda: None)
    wait_for(lambda: len(screen.drawn) > 1)
    streamer.close()


class SlowScreen(Screen):
    """A screen whose full pictures wait for the gate, and are given up where that is allowed."""

    def __init__(self, late: bool) -> None:
        super().__init__()
        self.late, self.gate, self.begun = late, threading.Event(), 0
        self.gate.set()
        self.streamer = Streamer(self.draw, self.show, self.errors.append, StreamSettings(rest=0.01), self.comes_late)

    def comes_late(self, camera: Camera) -> bool:
        return self.late

    def draw(self, camera: Camera, draft: bool) -> np.ndarray:
        if not draft:
            self.begun += 1
            while not self.gate.wait(0.01):
                if self.streamer.overtaken():
                    raise OvertakenError
        return super().draw(camera, draft)


def drawing_what_a_draft_shows() -> SlowScreen:
    """A screen that has begun the full picture behind an action's draft, and waits in it."""
    screen = SlowScreen(late=True)
    screen.streamer.moved(camera_at(0.0))
    wait_for(lambda: screen.streamer.stills == 1)
    screen.gate.clear()
    screen.streamer.do(lambda: None)
    wait_for(lambda: screen.begun == 2)
    return screen


def test_where_full_pictures_are_late_an_action_is_followed_by_a_draft_and_then_by_one() -> None:
    screen = SlowScreen(late=True)
    screen.streamer.moved(camera_at(0.0))
    wait_for(lambda: screen.streamer.stills == 1)
    screen.streamer.do(lambda: None)
    wait_for(lambda: screen.streamer.stills == 2)
    screen.streamer.close()
    assert [draft for *_, draft in screen.drawn] == [False, True, False] and not screen.errors


def test_a_click_does_not_wait_for_the_full_picture_of_what_a_draft_shows() -> None:
    screen, done = drawing_what_a_draft_shows(), threading.Event()
    screen.streamer.do(done.set)
    assert done.wait(10.0), "the click came while a full picture was drawn, which was given up"
    wait_for(lambda: screen.begun == 3)
    screen.streamer.moved(camera_at(1.0))
    wait_for(lambda: screen.begun == 4)
    screen.gate.set()
    wait_for(lambda: screen.streamer.stills == 2)
    screen.streamer.close()
    drawn = [(x, draft) for x, _, draft in screen.drawn]
    assert drawn == [(0.0, False), (0.0, True), (0.0, True), (1.0, True), (1.0, False)] and not screen.errors


def test_a_full_picture_that_no_draft_came_before_is_finished() -> None:
    screen = SlowScreen(late=False)
    screen.gate.clear()
    screen.streamer.moved(camera_at(0.0))
    wait_for(lambda: screen.begun == 1)
    screen.streamer.do(lambda: None, "slider")
    assert not screen.streamer.overtaken()
    screen.gate.set()
    wait_for(lambda: screen.streamer.stills == 2)
    screen.streamer.close()
    assert screen.begun == 2 and not screen.errors


def test_what_only_tells_something_gives_no_picture_up() -> None:
    screen, done = drawing_what_a_draft_shows(), threading.Event()
    screen.streamer.do(done.set, "hover", draws=False)
    assert not screen.streamer.overtaken()
    screen.gate.set()
    assert done.wait(10.0)
    screen.streamer.close()
    assert screen.begun == 2 and screen.streamer.stills == 2


def test_a_page_that_is_closed_during_an_action_draws_nothing_more() -> None:
    screen = Screen()
    streamer = stream(screen)
    streamer.moved(camera_at(0.0))
    wait_for(lambda: streamer.stills == 1)
    gate = occupy(streamer)
    streamer.close(wait=0.0)
    gate.set()
    streamer._thread.join(10.0)
    assert not streamer._thread.is_alive() and len(screen.drawn) == 1
