"""Around the splat: cameras to click on, the path of a film, scales of depth and similarity, in a real browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from browser_tab import Tab, selected, settled
from PIL import Image

from splatseg.render.distance import surface_point
from splatseg.viewer.page.browser_camera import pixel_at
from splatseg.viewer.server import Viewer

pytestmark = pytest.mark.slow


def test_a_click_on_a_drawn_camera_looks_through_it(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.page.keyboard.press("r")
    tab.tab("Views")
    tab.page.get_by_label("Show cameras").check()
    tab.wait(lambda: tab.page.evaluate("'/cameras' in window.__viserSceneTree.getState()"))
    # From far above, all cameras are in sight.
    home = page.scene.home()
    back = 3.0 * (np.asarray(home.position) - home.look_at) + home.look_at
    settled(page, lambda: page.look(type(home)(tuple(back), home.look_at, home.up, home.fov)))
    tab.page.wait_for_timeout(700)
    tab.screenshot("cameras-of-the-capture")
    camera = page.camera
    places = np.array([view.camera.position for view in page.scene.views])
    pixels, depths = camera.project(places)
    shares = pixels / (camera.width, camera.height)
    inside = np.flatnonzero((depths > 0) & (shares > 0.1).all(1) & (shares < 0.9).all(1))
    apart = np.linalg.norm(pixels[inside, None] - pixels[None], axis=2)
    alone = inside[(np.sort(apart, 1)[:, 1] > 20)]
    assert len(alone), "a camera can be told from the others"
    tab.click_at(*shares[alone[0]])
    tab.wait(lambda: np.allclose(page.camera.position, places[alone[0]], atol=1e-3))
    assert not page.workspace.members.any(), "the click selected nothing"
    tab.page.get_by_label("Show cameras").uncheck()
    tab.wait(lambda: not tab.page.evaluate("'/cameras' in window.__viserSceneTree.getState()"))
    tab.page.keyboard.press("r")


def test_the_path_of_a_film_is_drawn_through_its_keyframes(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.page.keyboard.press("r")
    tab.page.keyboard.press("v")
    tab.wait(lambda: tab.page.evaluate("'/path' in window.__viserSceneTree.getState()"))
    tab.drag((0.4, 0.5), (0.6, 0.55))
    tab.page.wait_for_timeout(500)
    settled(page)
    tab.page.keyboard.press("v")
    tab.page.wait_for_timeout(500)
    home = page.scene.home()
    back = 2.0 * (np.asarray(home.position) - home.look_at) + home.look_at
    settled(page, lambda: page.look(type(home)(tuple(back), home.look_at, home.up, home.fov)))
    tab.page.wait_for_timeout(700)
    tab.screenshot("path-of-a-film")
    tab.tab("Export")
    tab.press("Clear")
    tab.wait(lambda: not tab.page.evaluate("'/path' in window.__viserSceneTree.getState()"))
    tab.page.keyboard.press("r")


@pytest.mark.parametrize(("key", "mode"), [("6", "depth"), ("4", "similarity")])
def test_depth_and_similarity_come_with_their_scale(tab: Tab, viewer: Viewer, key: str, mode: str) -> None:
    page = viewer.pages[0]
    tab.click_at(0.5, 0.5)
    tab.wait(lambda: selected(viewer).any())
    tab.page.keyboard.press(key)
    tab.wait(lambda: page.workspace.mode == mode)
    tab.page.wait_for_timeout(900)
    seen = np.asarray(Image.open(tab.screenshot(f"scale-of-{mode}")).convert("RGB"))
    box = tab.canvas
    corner = seen[int(box["y"] + box["height"] - 60) : int(box["y"] + box["height"]), : int(box["x"] + 260)]
    assert len(np.unique(corner.reshape(-1, 3), axis=0)) > 60, "all colours of the ramp are in the corner"
    tab.page.keyboard.press("1")


def test_a_link_opens_the_same_camera_and_selection_in_another_browser(tab: Tab, viewer: Viewer, browser: Any) -> None:
    page = viewer.pages[0]
    tab.click_at(0.5, 0.5)
    tab.wait(lambda: selected(viewer).any())
    tab.drag((0.4, 0.5), (0.5, 0.55))
    tab.page.wait_for_timeout(500)
    members, viewmat = selected(viewer).copy(), page.camera.viewmat.copy()
    tab.tab("Views")
    tab.press("Copy link")
    tab.wait(lambda: tab.page.get_by_text("#look=").count())
    address = tab.page.get_by_text("#look=").inner_text()
    tab.screenshot("link")
    other = Tab(browser, address)
    try:
        tab.wait(lambda: len(viewer.pages) == 2)
        there = viewer.pages[1]
        tab.wait(lambda: np.array_equal(there.workspace.members, members))
        tab.wait(lambda: np.allclose(there.camera.viewmat, viewmat, atol=1e-3))
        assert "#" not in other.page.url, "loaded again, the page is this browser's own"
    finally:
        other.close()
    tab.wait(lambda: len(viewer.pages) == 1)
    tab.page.keyboard.press("r")


def test_two_clicks_measure_a_distance_and_select_nothing(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.page.keyboard.press("r")
    tab.tab("Select")
    tab.page.get_by_text("Ruler", exact=True).click()
    tab.page.get_by_label("Measure").check()
    tab.wait(lambda: tab.sees("Click one end"))
    tab.click_at(0.4, 0.6)
    tab.wait(lambda: tab.sees("Click the other end"))
    tab.click_at(0.6, 0.6)
    tab.wait(lambda: tab.page.get_by_text("units.").count())
    assert not page.workspace.members.any()
    camera = page.camera
    ends = [surface_point(page.scene.splats, camera, pixel_at((x, 0.6), camera)) for x in (0.4, 0.6)]
    told = float(tab.page.get_by_text("units.").inner_text().split()[0])
    assert told == pytest.approx(float(np.linalg.norm(ends[0] - ends[1])), rel=0.02)
    tab.screenshot("ruler")
    tab.page.get_by_label("Measure").uncheck()
    tab.page.get_by_text("Ruler", exact=True).click()
    tab.wait(lambda: not tab.page.evaluate("'/ruler/line' in window.__viserSceneTree.getState()"))
