"""The tools that select in the picture, as a person uses them in a real browser (see browser_tab)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_tab import SCREENSHOTS, Tab, places, settled

from splatseg.formats.ply.ply import write_ply
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.selecting.volumes import VolumePanel
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown

pytestmark = pytest.mark.slow

Points = list[tuple[float, float]]

UNDER = "([x, y]) => document.elementFromPoint(x, y)?.tagName"
"""Kind of the element at a place of a page."""


def selected(page: Page) -> np.ndarray:
    settled(page)
    return page.workspace.members.copy()


def drawn(tab: Tab, points: Points, *keys: str) -> None:
    """Draw a stroke through points, 0..1 of the picture, with keys held."""
    box = tab.canvas
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    for key in keys:
        tab.page.keyboard.down(key)
    tab.page.mouse.move(*at[0])
    tab.page.mouse.down()
    for x, y in at[1:]:
        tab.page.mouse.move(x, y)
    tab.page.mouse.up()
    for key in keys:
        tab.page.keyboard.up(key)


def circle(centre: tuple[float, float], radius: float, count: int = 24) -> Points:
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    return [(centre[0] + radius * float(np.cos(a)), centre[1] + 1.3 * radius * float(np.sin(a))) for a in angles]


def use(tab: Tab, page: Page, tool: Any, **settings: Any) -> None:
    """Take a tool, and wait until the page's script knows."""

    def change() -> None:
        for name, value in settings.items():
            setattr(page.tools, name, value)
        page.tools.use(tool)

    settled(page, change)
    cursor = "crosshair" if tool in ("lasso", "polygon", "brush") else ""
    tab.wait(lambda: tab.page.evaluate("window.__viserMutable.canvas.style.cursor") == cursor)


@pytest.fixture
def page(tab: Tab, viewer: Viewer) -> Iterator[Page]:
    """The shared page; its tools are those of the start again afterwards."""
    page = viewer.pages[0]
    tab.tab("Select")
    yield page
    use(tab, page, "click", how="new")


def test_a_lasso_equals_its_function(tab: Tab, page: Page, viewer: Viewer) -> None:
    outline = circle((0.45, 0.5), 0.1)
    before = page.camera.viewmat.copy()
    tab.page.keyboard.press("l")
    tab.wait(lambda: tab.labelled("Tool", "input").input_value() == "Lasso")
    size = np.array([page.camera.width, page.camera.height])
    for label, visible in (("Only what is visible", True), ("Everything, also behind", False)):
        tab.choose("Takes", label)
        tab.wait(lambda visible=visible: page.tools.takes == ("visible" if visible else "everything"))  # type: ignore[misc]
        drawn(tab, outline)
        tab.wait(lambda: selected(page).any())
        expected = viewer.scene.lasso(page.camera, np.round(outline, 4) * size, visible=visible)
        np.testing.assert_array_equal(selected(page), expected.members)
        tab.page.wait_for_timeout(400)
        tab.screenshot(f"lasso-{'visible' if visible else 'everything'}")
        settled(page, page.workspace.clear)
    assert np.array_equal(page.camera.viewmat, before), "drawing has not turned the camera"
    settled(page, lambda: setattr(page.tools, "takes", "visible"))


def test_a_brush_adds_with_shift_and_takes_away_by_the_effect(tab: Tab, page: Page, viewer: Viewer) -> None:
    use(tab, page, "brush", radius=20.0)
    size = np.array([page.camera.width, page.camera.height])
    strokes: list[Points] = [[(0.3, 0.5), (0.4, 0.55)], [(0.5, 0.5), (0.6, 0.55)]]
    parts = [viewer.scene.brush(page.camera, np.round(each, 4) * size, 20.0 / tab.canvas["height"] * size[1]).members
             for each in strokes]  # fmt: skip
    drawn(tab, strokes[0])
    tab.wait(lambda: np.array_equal(selected(page), parts[0]))
    drawn(tab, strokes[1], "Shift")
    tab.wait(lambda: np.array_equal(selected(page), parts[0] | parts[1]))
    tab.page.wait_for_timeout(400)
    tab.screenshot("brushed")
    tab.choose("Effect", "Take away")
    tab.wait(lambda: page.tools.how == "remove")
    drawn(tab, strokes[0])
    tab.wait(lambda: np.array_equal(selected(page), parts[1] & ~parts[0]))


def test_a_polygon_is_closed_by_a_double_click_and_given_up_by_escape(tab: Tab, page: Page, viewer: Viewer) -> None:
    use(tab, page, "polygon")
    corners: Points = [(0.35, 0.4), (0.55, 0.4), (0.55, 0.6)]
    for corner in corners:
        tab.click_at(*corner)
    tab.page.keyboard.press("Escape")
    settled(page)
    for corner in corners:
        tab.click_at(*corner)
    box = tab.canvas
    tab.page.mouse.dblclick(box["x"] + 0.35 * box["width"], box["y"] + 0.6 * box["height"])
    tab.wait(lambda: selected(page).any())
    size = np.array([page.camera.width, page.camera.height])
    expected = viewer.scene.lasso(page.camera, np.array([*corners, (0.35, 0.6)]) * size)
    np.testing.assert_array_equal(selected(page), expected.members)


def test_the_colour_tool_and_the_flood_take_what_looks_alike(tab: Tab, page: Page, viewer: Viewer) -> None:
    (_, place), *_ = places(page, 1)
    use(tab, page, "color")
    tab.click_at(*place)
    tab.wait(lambda: selected(page).any())
    pixel = (place[0] * page.camera.width, place[1] * page.camera.height)
    assert (selected(page) & viewer.scene.alike_color(page.camera, pixel, 0.12).members).sum() > 0.8 * selected(
        page
    ).sum()
    settled(page, page.workspace.clear)
    use(tab, page, "brush", radius=18.0)
    drawn(tab, [place])
    tab.wait(lambda: selected(page).any())
    before = selected(page)
    tab.press("One step")
    tab.wait(lambda: selected(page).sum() > before.sum())
    assert not (before & ~selected(page)).any()


def test_the_pointer_lights_what_a_click_would_take(tab: Tab, page: Page, viewer: Viewer) -> None:
    (identity, place), *_ = places(page, 1)
    assert viewer.scene.table is not None
    name = viewer.scene.table.row(identity).name
    box = tab.canvas
    at = (box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])
    hover = tab.page.locator("#splatseg-hover")
    tab.page.mouse.move(at[0] - 3, at[1])
    tab.page.wait_for_timeout(200)
    tab.page.mouse.move(*at)
    tab.wait(lambda: hover.is_visible() and hover.inner_text().startswith(f"{name} · "))
    assert tab.page.locator("#splatseg-strokes .lit").get_attribute("d")
    tab.screenshot("hovered")
    tab.page.mouse.move(box["x"] + box["width"] + 50, 300)
    tab.wait(lambda: not hover.is_visible())


def test_grow_says_what_it_takes_and_shrink_undoes_it(tab: Tab, page: Page) -> None:
    (_, place), *_ = places(page, 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(page).any())
    before = selected(page)
    tab.wait(lambda: tab.sees("Grow takes "))
    tab.press("Grow")
    tab.wait(lambda: selected(page).sum() > before.sum())
    tab.press("Shrink")
    tab.wait(lambda: np.array_equal(selected(page), before))


def test_a_sphere_is_dragged_and_selects_what_is_in_it(tab: Tab, page: Page, viewer: Viewer) -> None:
    volume = next(panel for panel in page.panels if isinstance(panel, VolumePanel))
    tab.page.get_by_text("By a sphere or a box").click()
    tab.choose("Volume", "Sphere")
    tab.wait(lambda: tab.page.evaluate(f"'/volume-{page.client.client_id}' in window.__viserSceneTree.getState()"))
    tab.page.wait_for_timeout(600)
    before = volume.pose[0].copy()
    pixel, _ = page.camera.project(before[None])
    x, y = pixel[0] / (page.camera.width, page.camera.height)
    tab.screenshot("volume")
    # The handles stand on the axes: one of them lies along the way to the right of the middle.
    box = tab.canvas
    for dx, dy in ((0.05, 0.0), (0.0, -0.06), (0.04, -0.03), (0.03, 0.03), (-0.03, -0.04)):
        tab.page.mouse.move(box["x"] + (x + dx) * box["width"], box["y"] + (y + dy) * box["height"])
        tab.page.mouse.down()
        tab.page.mouse.move(box["x"] + (x + 2 * dx) * box["width"], box["y"] + (y + 2 * dy) * box["height"], steps=6)
        tab.page.mouse.up()
        tab.page.wait_for_timeout(300)
        if not np.array_equal(volume.pose[0], before):
            break
    assert not np.array_equal(volume.pose[0], before), "no handle was hit"
    settled(page, volume.select)
    inside = np.linalg.norm(viewer.scene.splats.positions - volume.pose[0], axis=1) <= volume._half[0]
    np.testing.assert_array_equal(selected(page), inside)
    tab.page.wait_for_timeout(500)
    tab.screenshot("volume-dragged")
    tab.choose("Volume", "None")
    tab.page.keyboard.press("r")
    tab.page.get_by_text("By a sphere or a box").click()


def test_a_range_of_the_histogram_selects_while_it_is_dragged(tab: Tab, page: Page, viewer: Viewer) -> None:
    tab.page.get_by_text("By opacity and size").click()
    thumb = tab.page.locator(".multi-slider-thumb").nth(1)
    thumb.scroll_into_view_if_needed()
    tab.page.wait_for_timeout(300)
    box = thumb.bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] - 120, box["y"] + box["height"] / 2, steps=8)
    tab.page.mouse.up()
    tab.wait(lambda: 0 < selected(page).sum() < len(viewer.scene.splats))
    opacities = viewer.scene.splats.opacities.numpy()
    assert opacities[selected(page)].max() < opacities[~selected(page)].max()
    tab.screenshot("histogram")
    tab.page.get_by_text("By opacity and size").click()


def test_a_finger_taps_and_draws(browser: Any, viewer: Viewer) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    window = context.new_page()
    known = {page.client.client_id for page in viewer.pages}
    window.goto(viewer.address)

    def mine() -> Page | None:
        new = [page for page in viewer.pages if page.client.client_id not in known and page.streamer.stills]
        return new[0] if new else None

    def wait(true: Any) -> None:
        for _ in range(600):
            if true():
                return
            window.wait_for_timeout(100)
        raise AssertionError("it did not happen")

    wait(lambda: mine() is not None and window.evaluate("!!window.splatsegStrokes"))
    page = mine()
    assert page is not None
    settled(page, page.workspace.clear)
    canvas = window.evaluate(
        "(() => { const r = window.__viserMutable.canvas.getBoundingClientRect(); return [r.left, r.top, r.width, "
        "r.height] })()"
    )
    # The panel covers much of so small a page.
    labels, share = viewer.scene.label_map(page.camera), np.linspace(0.1, 0.9, 17)
    spots = [
        (canvas[0] + x * canvas[2], canvas[1] + y * canvas[3])
        for y in share
        for x in share
        if labels[int(y * labels.shape[0]), int(x * labels.shape[1])]
    ]
    spot = next(each for each in spots if window.evaluate(UNDER, each) == "CANVAS")
    window.touchscreen.tap(*spot)
    wait(lambda: selected(page).any())
    settled(page, page.workspace.clear)
    settled(page, lambda: page.tools.use("brush"))
    wait(lambda: window.evaluate("window.__viserMutable.canvas.style.cursor") == "crosshair")
    before = page.camera.viewmat.copy()
    devtools = context.new_cdp_session(window)
    for kind, shift in (("touchStart", 0), ("touchMove", 12), ("touchMove", 25), ("touchEnd", None)):
        touched = [] if shift is None else [{"x": spot[0] + shift, "y": spot[1]}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})
    wait(lambda: selected(page).any())
    assert np.array_equal(page.camera.viewmat, before)
    window.screenshot(path=SCREENSHOTS / "touched-390x844.png")
    context.close()


def test_a_plain_splat_is_selected_in(browser: Any, viewer: Viewer, tmp_path: Path) -> None:
    write_ply(tmp_path / "plain.ply", viewer.scene.splats.plain())
    plain = Viewer(open_shown(tmp_path / "plain.ply"), tmp_path / "exports")
    try:
        tab = Tab(browser, plain.address)
        page = plain.pages[0]
        tab.tab("Select")
        assert tab.sees("Draw a lasso")
        assert not tab.page.get_by_role("button", name="Grow", exact=True).count()
        tab.page.keyboard.press("l")
        tab.wait(lambda: tab.labelled("Tool", "input").input_value() == "Lasso")
        drawn(tab, circle((0.45, 0.5), 0.1))
        tab.wait(lambda: selected(page).any())
        tab.page.wait_for_timeout(400)
        tab.screenshot("plain-splat")
        assert not tab.complaints
        tab.close()
    finally:
        plain.close()
