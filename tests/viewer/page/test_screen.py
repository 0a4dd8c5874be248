"""The picture of a page: what is too large for the browser is not sent to it, and strokes are prepared beside it."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from viewer_scenes import ALONG, CAMERA, workspace

from splatseg.errors import PromptError
from splatseg.regions.sight import Sight
from splatseg.viewer.page import screen as screen_module
from splatseg.viewer.page.screen import Screen
from splatseg.viewer.page.tools import Tools


def test_a_splat_too_large_for_the_browser_is_refused_and_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    space, _ = workspace()
    streamer, tools = SimpleNamespace(overtaken=lambda: False), SimpleNamespace(drawn=lambda camera: None)
    page: Any = SimpleNamespace(scene=space.scene, workspace=space, client=None, streamer=streamer, tools=tools)
    screen, count = Screen(page), len(space.scene.splats)
    monkeypatch.setattr(screen_module, "MOST", count - 1)
    with pytest.raises(PromptError, match=rf"has {count:,} Gaussians, and a browser draws at most {count - 1:,} in"):
        screen.draw_locally(True)
    assert screen.local is None
    assert screen.draw(CAMERA, draft=True) is not None, "moving pictures come from the server, as before"
    monkeypatch.setattr(screen_module, "MOST", count)
    screen.draw_locally(True)
    assert screen.local is not None and screen.draw(CAMERA, draft=True) is None
    assert not screen.late(CAMERA), "the browser draws what comes first"
    screen.draw_locally(False)
    assert screen.local is None


def test_strokes_of_a_large_splat_are_prepared_beside_the_page_for_the_newest_picture() -> None:
    space, _ = workspace()
    actions: list[Any] = []
    streamer = SimpleNamespace(camera=CAMERA, do=lambda action, key, draws: actions.append(action))
    page: Any = SimpleNamespace(scene=space.scene, workspace=space, streamer=streamer, failed=pytest.fail)
    tools, gate, looked = Tools(page), threading.Event(), list[Any]()
    look = tools.regions.look

    def slowly(camera: Any, takes: Any) -> None:
        looked.append(camera)
        assert gate.wait(60.0)
        look(camera, takes)

    tools.regions.look = slowly  # type: ignore[method-assign]
    tools.tool = "lasso"
    for _ in range(3):
        space.canvas.waits.took(9.0, "prepared")
    tools.drawn(CAMERA)
    actions.pop()()
    while not looked:
        pass
    streamer.camera = ALONG
    tools.drawn(ALONG)
    actions.pop()()
    assert looked == [CAMERA], "one at a time, and the page's thread is free meanwhile"
    gate.set()
    while not actions:
        pass
    actions.pop()()
    while tools._looking.locked():
        pass
    assert looked == [CAMERA, ALONG]
    everything = np.ones((ALONG.height, ALONG.width), dtype=bool)
    tools.regions.drawn(ALONG, everything, "visible")
    np.testing.assert_array_equal(space.members, Sight(space.session, ALONG).inside(everything, visible=True))
    streamer.camera = CAMERA
    tools._look(ALONG)
    assert len(looked) == 2, "a camera that has moved on needs nothing"
