"""The page as a person uses it, in a real browser; what its console complains of fails a test (see browser_tab).

Screenshots are kept in build/screenshots for whoever wants to look.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from browser_tab import Tab, places, selected, settled
from PIL import Image

from splatseg.formats.read import load_splats
from splatseg.viewer.panels import segment_list
from splatseg.viewer.server import Viewer

pytestmark = pytest.mark.slow


def members_of(viewer: Viewer, identity: int) -> np.ndarray:
    assert viewer.scene.table is not None
    return viewer.scene.table.ids == identity


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def name_of(viewer: Viewer, identity: int) -> str:
    assert viewer.scene.table is not None
    return viewer.scene.table.row(identity).name


def test_it_listens_on_this_machine_only(viewer: Viewer) -> None:
    assert viewer.server.get_host() == "127.0.0.1"


def test_the_first_view_shows_the_scene_and_says_what_to_do(tab: Tab, viewer: Viewer) -> None:
    tab.tab("Select")
    tab.point_nowhere()
    path = tab.screenshot("first-view-1280x720")
    picture = np.asarray(Image.open(path).convert("RGB"))[:, :850]
    assert picture.std() > 20, "there is something to see"
    assert tab.sees("Nothing is selected")


def test_the_screen_shows_the_colours_that_we_drew(tab: Tab, viewer: Viewer) -> None:
    from splatseg.viewer.drawing.picture import picture

    page = viewer.pages[0]
    tab.point_nowhere()  # where the pointer is, the page lights what a click would take
    tab.page.wait_for_timeout(500)
    box = tab.canvas
    seen = np.asarray(Image.open(tab.screenshot("colours")).convert("RGB")).astype(int)
    drawn = picture(page.workspace, page.camera)
    for x, y in ((0.3, 0.5), (0.5, 0.8), (0.6, 0.3)):
        row, column = int(y * drawn.shape[0]), int(x * drawn.shape[1])
        ours = drawn[row - 6 : row + 6, column - 6 : column + 6].reshape(-1, 3).mean(0)
        row, column = int(box["y"] + y * box["height"]), int(box["x"] + x * box["width"])
        theirs = seen[row - 6 : row + 6, column - 6 : column + 6].reshape(-1, 3).mean(0)
        assert np.abs(ours - theirs).max() < 6, "no colour space is mixed up on the way"


def test_a_click_selects_the_object_and_marks_where(tab: Tab, viewer: Viewer) -> None:
    (identity, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    assert overlap(selected(viewer), members_of(viewer, identity)) > 0.5
    assert [marker.wanted for marker in viewer.pages[0].workspace.markers] == [True]
    tab.wait(lambda: tab.sees("Gaussians"))
    tab.wait(lambda: tab.page.evaluate("'/markers' in window.__viserSceneTree.getState()"))
    tab.page.wait_for_timeout(400)
    tab.screenshot("selected-1280x720")


@pytest.mark.parametrize("key", ["Control", "Alt"])
def test_shift_adds_and_ctrl_or_alt_takes_away(tab: Tab, viewer: Viewer, key: str) -> None:
    # The larger one first: a click that would leave next to nothing of a selection takes only a part of the thing.
    two = sorted(places(viewer.pages[0], 2), key=lambda place: -members_of(viewer, place[0]).sum())
    (_, first), (second_id, second) = two
    tab.click_at(*first)
    tab.wait(lambda: selected(viewer).any())
    one = selected(viewer)
    tab.click_at(*second, "Shift")
    tab.wait(lambda: selected(viewer).sum() > one.sum())
    both = selected(viewer)
    assert (both & one).sum() == one.sum()
    tab.click_at(*second, key)
    tab.wait(lambda: selected(viewer).sum() < both.sum())
    left = selected(viewer) & members_of(viewer, second_id)
    assert left.sum() < 0.2 * members_of(viewer, second_id).sum()
    assert [marker.wanted for marker in viewer.pages[0].workspace.markers] == [True, True, False]
    tab.page.wait_for_timeout(400)
    tab.screenshot(f"taken-away-with-{key.lower()}")


def test_a_rectangle_selects_what_it_is_drawn_around(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    for identity, _ in places(page, 4):  # the first that is wholly in sight: nothing can be drawn around the others
        mask = viewer.scene.session.mask(page.camera, members_of(viewer, identity))
        rows, columns = np.nonzero(mask)
        height, width = mask.shape
        if min(columns.min(), rows.min()) > 0.03 * width and columns.max() < 0.9 * width and rows.max() < 0.9 * height:
            break
    else:
        raise AssertionError("no segment is wholly in sight")
    start = (columns.min() / width - 0.01, rows.min() / height - 0.01)
    end = (columns.max() / width + 0.01, rows.max() / height + 0.01)
    tab.tab("Select")
    tab.page.keyboard.press("b")
    tab.wait(lambda: tab.labelled("Tool", "input").input_value() == "Rectangle")
    before = page.camera.viewmat.copy()
    tab.drag(start, end)
    tab.wait(lambda: selected(viewer).any())
    assert overlap(selected(viewer), members_of(viewer, identity)) > 0.5
    assert np.array_equal(page.camera.viewmat, before), "the camera has not turned"
    tab.page.keyboard.press("b")
    tab.wait(lambda: tab.labelled("Tool", "input").input_value() == "Click")
    tab.page.keyboard.press("Escape")
    tab.wait(lambda: not selected(viewer).any())
    tab.drag(start, end, "Shift")
    tab.wait(lambda: selected(viewer).any())


def test_a_drag_turns_the_camera_and_draws_drafts_then_a_full_picture(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    before, drafts, stills = page.camera.viewmat.copy(), page.streamer.drafts, page.streamer.stills
    tab.drag((0.5, 0.5), (0.6, 0.55))
    tab.wait(lambda: not np.allclose(page.camera.viewmat, before, atol=1e-3))
    tab.wait(lambda: page.streamer.drafts > drafts and page.streamer.stills > stills)
    tab.page.keyboard.press("r")
    tab.wait(lambda: np.allclose(page.camera.viewmat, before, atol=1e-3))


def test_sliders_act_on_the_selection_that_is_there(tab: Tab, viewer: Viewer) -> None:
    (_, place), *_ = places(viewer.pages[0], 1)
    tab.tab("Select")
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    counts = []
    for value in ("0.3", "0.99"):
        tab.number("Threshold").fill(value)
        tab.wait(lambda value=value: viewer.pages[0].workspace.threshold == float(value))  # type: ignore[misc]
        counts.append(int(selected(viewer).sum()))
    assert counts[0] > counts[1]
    assert not tab.page.get_by_label("Automatic").is_checked()
    tab.page.get_by_label("Automatic").check()
    tab.wait(lambda: viewer.pages[0].workspace.threshold is None)
    tab.number("Granularity").fill("1")
    tab.wait(lambda: viewer.pages[0].workspace.granularity == 1.0)
    largest = selected(viewer).sum()
    tab.number("Granularity").fill("0")
    tab.wait(lambda: viewer.pages[0].workspace.granularity == 0.0)
    assert selected(viewer).sum() <= largest
    tab.screenshot("sliders")
    tab.page.get_by_label("Automatic").check()
    tab.wait(lambda: viewer.pages[0].workspace.granularity is None)


def test_undo_and_redo_go_back_and_forth(tab: Tab, viewer: Viewer) -> None:
    (_, first), (_, second) = places(viewer.pages[0], 2)
    tab.click_at(*first)
    tab.wait(lambda: selected(viewer).any())
    one = selected(viewer)
    tab.click_at(*second)
    tab.wait(lambda: not np.array_equal(selected(viewer), one))
    other = selected(viewer)
    tab.page.keyboard.press("Control+z")
    tab.wait(lambda: np.array_equal(selected(viewer), one))
    tab.page.keyboard.press("Control+Shift+z")
    tab.wait(lambda: np.array_equal(selected(viewer), other))
    tab.tab("Select")
    tab.press("Undo")
    tab.wait(lambda: np.array_equal(selected(viewer), one))


def test_hide_isolate_and_show_all(tab: Tab, viewer: Viewer) -> None:
    (identity, place), *_ = places(viewer.pages[0], 1)
    workspace = viewer.pages[0].workspace
    tab.tab("Select")
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    tab.press("Isolate")
    tab.wait(lambda: workspace.hidden is not None)
    tab.page.wait_for_timeout(500)
    tab.screenshot("isolated")
    tab.press("Show all")
    tab.wait(lambda: workspace.hidden is None)
    tab.page.keyboard.press("h")
    tab.wait(lambda: workspace.hidden is not None)
    hidden = workspace.hidden
    assert hidden is not None and overlap(hidden, members_of(viewer, identity)) > 0.5
    tab.page.keyboard.press("Shift+h")
    tab.wait(lambda: workspace.hidden is None)


def test_every_mode_of_the_scene_is_shown(tab: Tab, viewer: Viewer) -> None:
    workspace = viewer.pages[0].workspace
    (_, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    for number, mode in enumerate(["color", "overlay", "segments", "similarity", "features", "depth"], start=1):
        tab.page.keyboard.press(str(number))
        tab.wait(lambda mode=mode: workspace.mode == mode)  # type: ignore[misc]
        tab.page.wait_for_timeout(500)
        tab.screenshot(f"mode-{mode}")
    tab.page.keyboard.press("1")
    tab.wait(lambda: workspace.mode == "color")


def test_a_segment_is_chosen_renamed_and_recoloured_in_the_list(tab: Tab, viewer: Viewer) -> None:
    identity = tab.first_rows()[-1]
    row, before = tab.row(identity), name_of(viewer, identity)
    row.locator(".ss-name").click()
    tab.wait(lambda: np.array_equal(selected(viewer), members_of(viewer, identity)))
    tab.wait(lambda: "chosen" in (row.get_attribute("class") or ""))
    name = tab.text("Name")
    name.fill("blue <b>mug</b> & co")
    name.press("Enter")
    tab.wait(lambda: name_of(viewer, identity) == "blue <b>mug</b> & co")
    tab.wait(lambda: "blue <b>mug</b> & co" in row.inner_text())
    row.locator("input[type=color]").evaluate(
        "e => { e.value = '#ff0000'; e.dispatchEvent(new Event('change', {bubbles: true})) }"
    )
    tab.wait(lambda: viewer.scene.table is not None and viewer.scene.table.row(identity).color == (255, 0, 0))
    tab.screenshot("segments-1280x720")
    for _ in range(2):
        tab.press("Undo edit")
    tab.wait(lambda: name_of(viewer, identity) == before)


def test_every_row_of_the_list_has_a_picture_and_the_list_stays_where_it_was_scrolled(tab: Tab, viewer: Viewer) -> None:
    rows = tab.first_rows()
    tab.wait(lambda: tab.page.locator("[data-segment] img").count() >= 0.8 * len(rows))
    tab.point_nowhere()
    tab.screenshot("segments-with-pictures")
    scrolls = "document.querySelector('.ss-rows').scrollTop"
    tab.page.evaluate(f"{scrolls} = 60")
    tab.wait(lambda: tab.page.evaluate("window.__ssTop") == 60)
    tab.row(rows[6]).locator(".ss-name").click()
    tab.wait(lambda: "chosen" in (tab.row(rows[6]).get_attribute("class") or ""))
    tab.wait(lambda: tab.page.evaluate(scrolls) == 60)


def test_the_list_is_used_with_the_keyboard_alone(tab: Tab, viewer: Viewer) -> None:
    first, second = tab.first_rows()[3:5]
    tab.row(first).focus()
    tab.page.keyboard.press("Enter")
    tab.wait(lambda: np.array_equal(selected(viewer), members_of(viewer, first)))
    focused = "document.activeElement?.dataset?.segment"
    tab.wait(lambda: "chosen" in (tab.row(first).get_attribute("class") or ""))
    tab.wait(lambda: tab.page.evaluate(focused) == str(first))
    for _ in range(8):  # tick, colour and eye of this row, then the next row
        if tab.page.evaluate(focused) != str(second):
            tab.page.keyboard.press("Tab")
    assert tab.page.evaluate(focused) == str(second)
    tab.page.keyboard.press("Shift+Enter")
    tab.wait(lambda: np.array_equal(selected(viewer), members_of(viewer, first) | members_of(viewer, second)))


def test_segments_are_searched_and_paged(tab: Tab, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_list, "ROWS", 10)
    settled(viewer.pages[0])
    assert len(tab.first_rows()) == 10
    tab.page.get_by_title("More rows").click()
    tab.wait(lambda: tab.sees("11–"))
    tab.text("Search").fill("segment 1")
    tab.wait(lambda: all("segment 1" in text for text in tab.rows.all_inner_texts()))
    tab.text("Search").fill("")
    tab.wait(lambda: tab.rows.count() == 10)


def test_segments_are_merged_deleted_and_brought_back(tab: Tab, viewer: Viewer) -> None:
    table = viewer.scene.table
    assert table is not None
    before = table.ids.copy()
    larger, smaller = tab.first_rows()[-2:]
    for identity in (larger, smaller):
        tab.row(identity).locator("input[type=checkbox]").click()
        tab.wait(lambda identity=identity: tab.row(identity).locator("input[checked]").count())  # type: ignore[misc]
    tab.press("Merge")
    tab.wait(lambda: not (table.ids == smaller).any())
    assert np.array_equal(table.ids == larger, (before == larger) | (before == smaller))
    tab.wait(lambda: tab.sees("Chosen segment"))
    tab.press("Delete")
    tab.wait(lambda: not (table.ids == larger).any())
    for _ in range(2):
        tab.press("Undo edit")
    tab.wait(lambda: np.array_equal(table.ids, before))


def test_the_eye_of_a_row_hides_its_segment(tab: Tab, viewer: Viewer) -> None:
    identity = tab.first_rows()[-1]
    workspace, row = viewer.pages[0].workspace, tab.row(identity)
    row.locator(".ss-eye").click()
    tab.wait(lambda: identity not in workspace.visible_ids)
    tab.wait(lambda: "hidden" in (row.get_attribute("class") or ""))
    row.locator(".ss-eye").click()
    tab.wait(lambda: identity in workspace.visible_ids)


def test_a_selection_becomes_a_segment_with_a_name(tab: Tab, viewer: Viewer) -> None:
    (_, place), *_ = places(viewer.pages[0], 1)
    table = viewer.scene.table
    assert table is not None
    tab.tab("Select")
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    name = tab.text("Name")
    name.fill("my own")
    name.press("Enter")
    tab.wait(lambda: any(row.name == "my own" for row in table.rows()))
    tab.wait(lambda: tab.sees("my own"))
    settled(viewer.pages[0], table.undo)


def test_the_selection_is_exported_under_its_name_offered_and_opens(tab: Tab, viewer: Viewer) -> None:
    page, table = viewer.pages[0], viewer.scene.table
    assert table is not None
    identity = table.rows()[0].id
    settled(page, lambda: table.rename(identity, "red mug/1"))
    settled(page, lambda: page.workspace.select_segment(identity, "new"))
    count = int(selected(viewer).sum())
    tab.tab("Export")
    folder = viewer.pages[0].exports
    tab.press("Selection")
    path = tab.wait(lambda: next(iter(folder.glob("red_mug_1-*.ply")), None))
    tab.wait(lambda: tab.sees("Written"))
    assert len(load_splats(path)[0]) == count
    tab.press("The rest")
    path = tab.wait(lambda: next(iter(folder.glob("without_red_mug_1-*.ply")), None))
    tab.wait(lambda: tab.sees("Written: "))
    assert len(load_splats(path)[0]) == len(viewer.scene.splats) - count
    tab.screenshot("export-1280x720")
    with tab.page.expect_download() as download:
        tab.page.get_by_text(re.compile(r"(?<!without_)red_mug_1-")).last.click()
    assert download.value.suggested_filename.endswith(".ply")
    settled(page, table.undo)


def test_screenshot_masks_and_all_segments_are_written(tab: Tab, viewer: Viewer) -> None:
    (_, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    tab.tab("Export")
    folder = viewer.pages[0].exports
    tab.press("Screenshot")
    path = tab.wait(lambda: next(iter(folder.glob("screenshot-*.png")), None))
    assert Image.open(path).size == (viewer.pages[0].camera.width, viewer.pages[0].camera.height)
    for button, pattern, count in (
        ("Masks of all views", "*masks-*", len(viewer.scene.views)),
        ("Each segment", "segments-*", len(viewer.scene.table.rows()) if viewer.scene.table else 0),
    ):
        tab.wait(lambda: not viewer.pages[0].busy)
        tab.press(button)
        written = tab.wait(lambda pattern=pattern: next(iter(folder.glob(pattern)), None))  # type: ignore[misc]
        tab.wait(lambda: not viewer.pages[0].busy)
        assert sum(file.is_file() for file in written.rglob("*")) >= count


def test_a_camera_path_is_kept_played_and_filmed(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.tab("Export")
    start = page.camera.viewmat.copy()
    tab.press("Add")
    tab.drag((0.5, 0.5), (0.6, 0.5))
    tab.wait(lambda: not np.allclose(page.camera.viewmat, start, atol=1e-3))
    tab.page.wait_for_timeout(500)
    end = page.camera.viewmat.copy()
    tab.press("Add")
    tab.wait(lambda: tab.sees("2 keyframes"))
    tab.number("Seconds").fill("1")
    tab.press("Play")
    tab.wait(lambda: page.busy)
    tab.wait(lambda: not page.busy)
    assert np.allclose(page.camera.viewmat, end, atol=1e-3)
    tab.choose("Size", "854 x 480")
    tab.press("Write video")
    written = tab.wait(lambda: next(iter(page.exports.glob("path-*")), None))
    tab.wait(lambda: not page.busy, 240.0)
    assert written.stat().st_size > 0
    assert written.is_file() or len(list(written.iterdir())) == 30
    tab.page.keyboard.press("r")


def test_the_camera_jumps_to_a_view_beside_its_photograph(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.tab("Views")
    first, second = viewer.scene.views[:2]
    tab.choose("View", first.name)
    tab.wait(lambda: np.allclose(page.camera.viewmat, first.camera.viewmat, atol=1e-3))
    tab.press("Next")
    view = second
    tab.wait(lambda: np.allclose(page.camera.viewmat, view.camera.viewmat, atol=1e-3))
    tab.wait(lambda: tab.sees("Photograph"))
    tab.wait(lambda: tab.sees("Its input masks"))
    tab.page.wait_for_timeout(800)
    assert np.allclose(page.camera.viewmat, view.camera.viewmat, atol=1e-3), "and stays there"
    assert viewer.scene.view_at(page.camera) is view
    tab.screenshot("views-1280x720")
    tab.page.keyboard.press("7")
    tab.wait(lambda: page.workspace.mode == "masks")
    tab.page.wait_for_timeout(500)
    tab.screenshot("mode-masks")
    tab.page.keyboard.press("1")
    tab.page.keyboard.press("r")


def test_what_a_person_got_wrong_is_said_in_the_page(tab: Tab, viewer: Viewer) -> None:
    tab.tab("Select")
    tab.press("Grow")
    tab.wait(lambda: tab.sees("Nothing is selected; click"))
    tab.screenshot("error")


def test_an_unexpected_error_is_said_and_the_page_lives_on(tab: Tab, viewer: Viewer) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a mistake of ours")

    viewer.pages[0].do(fail)
    tab.wait(lambda: tab.sees("a mistake of ours"))
    (_, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())


def test_the_browser_draws_the_splat_itself_while_moving_if_asked(tab: Tab, viewer: Viewer) -> None:
    page = viewer.pages[0]
    tab.tab("Views")
    tab.choose("Moving", "Draw in the browser")
    tab.wait(lambda: page.screen.local is not None)
    box = tab.canvas
    tab.page.mouse.move(box["x"] + 300, box["y"] + 300)
    tab.page.mouse.down()
    moves = itertools.count(1)

    def shown_while_moving() -> bool:
        # Moved all the while: at rest the server's picture is back after 150 ms, which a slow test would miss.
        tab.page.mouse.move(box["x"] + 300 + 10 * (next(moves) % 8), box["y"] + 300)
        return page.screen.local is not None and page.screen.local.shown

    tab.wait(shown_while_moving)
    tab.page.wait_for_timeout(100)
    tab.page.mouse.up()
    tab.wait(lambda: page.screen.local is not None and not page.screen.local.shown)
    tab.choose("Moving", "Stream pictures")
    tab.wait(lambda: page.screen.local is None)
    tab.page.keyboard.press("r")


def test_help_lists_the_keys(tab: Tab, viewer: Viewer) -> None:
    tab.tab("Help")
    tab.wait(lambda: tab.sees("Ctrl + Shift + Z"))
    tab.screenshot("help-1280x720")


def test_two_browsers_have_their_own_selection_and_one_table(tab: Tab, viewer: Viewer, browser: object) -> None:
    (clicked, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    other = Tab(browser, viewer.address, (1600, 900))
    try:
        tab.wait(lambda: len(viewer.pages) == 2)
        assert not selected(viewer, 1).any()
        other.screenshot("first-view-1600x900")
        identity = next(each for each in other.first_rows() if each != clicked)
        other.row(identity).locator(".ss-name").click()
        other.wait(lambda: np.array_equal(selected(viewer, 1), members_of(viewer, identity)))
        one = selected(viewer, 0)
        assert not np.array_equal(one, members_of(viewer, identity)) and one.any()
        other.screenshot("segments-1600x900")
        assert identity in tab.first_rows()
        settled(viewer.pages[1], lambda: viewer.scene.table and viewer.scene.table.rename(identity, "seen by both"))
        for each in (tab, other):
            each.wait(lambda each=each: "seen by both" in each.row(identity).inner_text())  # type: ignore[misc]
        assert not other.complaints
    finally:
        other.close()
    tab.wait(lambda: len(viewer.pages) == 1)


def test_a_page_that_is_loaded_again_has_its_selection_and_names(tab: Tab, viewer: Viewer) -> None:
    (_, place), *_ = places(viewer.pages[0], 1)
    tab.click_at(*place)
    tab.wait(lambda: selected(viewer).any())
    before, page = selected(viewer), viewer.pages[0]
    tab.page.reload()
    tab.arrived()
    tab.wait(lambda: viewer.pages and viewer.pages[0] is not page)
    assert np.array_equal(selected(viewer), before)
    tab.wait(lambda: tab.sees("Gaussians"))


def test_floaters_are_previewed_hidden_and_left_out_of_a_file(tab: Tab, viewer: Viewer) -> None:
    tab.tab("Export")
    folder = viewer.pages[0].exports
    tab.press("Preview")
    tab.wait(lambda: selected(viewer).any())
    tab.wait(lambda: tab.sees("Gaussians would go"))
    gone = selected(viewer)
    np.testing.assert_array_equal(gone, viewer.scene.floaters().members)
    tab.screenshot("clean-1280x720")
    tab.press("Export without")
    path = tab.wait(lambda: next(iter(folder.glob("clean-*.ply")), None))
    tab.wait(lambda: tab.sees("Written"))
    assert len(load_splats(path)[0]) == len(gone) - int(gone.sum())
    tab.wait(lambda: not viewer.pages[0].busy)
    tab.press("Hide")
    tab.wait(lambda: viewer.pages[0].workspace.hidden is not None)
    np.testing.assert_array_equal(viewer.pages[0].workspace.hidden, gone)
