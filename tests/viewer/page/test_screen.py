"""The picture of a page: a splat that is too large for the browser is not sent to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from viewer_scenes import CAMERA, workspace

from splatseg.errors import PromptError
from splatseg.viewer.page import screen as screen_module
from splatseg.viewer.page.screen import Screen


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
