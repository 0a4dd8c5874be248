"""The panel says what holds, what is missing and what a file is called, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import viewer_scenes
from browser_tab import Tab, free_port, settled
from PIL import Image

from splatseg.formats.ply.ply import write_ply
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A server of a run that was not described with words."""
    run, _ = viewer_scenes.run(tmp_path_factory.mktemp("words"))
    viewer = Viewer(open_shown(run.path), run.path / "exports", port=free_port())
    yield viewer
    viewer.close()


def written(viewer: Viewer, tab: Tab, pattern: str) -> Path:
    """Wait for a file in the folder of exports and return it."""
    assert viewer.scene.run is not None
    folder = viewer.scene.run.path / "exports"
    tab.wait(lambda: list(folder.glob(pattern)))
    tab.wait(lambda: not viewer.pages[0].busy)
    return next(folder.glob(pattern))


def test_files_are_called_as_the_segment_or_as_typed_and_show_the_highlight_or_not(browser: Any, small: Viewer) -> None:
    tab = Tab(browser, small.address, (1280, 800))
    page = small.pages[0]
    settled(page, lambda: small.scene.segments.rename(1, "my Ding äö"))
    settled(page, lambda: page.workspace.select_segment(1))
    tab.wait(lambda: tab.sees("my Ding äö: 40 Gaussians, size"))
    tab.tab("Export")
    tab.press("Selection")
    written(small, tab, "my_Ding_äö-2*.ply")
    tab.press("The rest")
    written(small, tab, "without_my_Ding_äö-2*.ply")
    tab.text("Name").fill("red mug/../x")
    tab.text("Name").blur()
    tab.press("Screenshot")
    marked = np.asarray(Image.open(written(small, tab, "screenshot-*.png")))
    tab.page.get_by_role("checkbox").locator("visible=true").first.uncheck()
    tab.wait(lambda: not page.panels[-2]._marked.value)
    tab.screenshot("export-1280x800")
    small.scene.run.path.joinpath("exports").rename(small.scene.run.path / "first")  # type: ignore[union-attr]
    tab.press("Screenshot")
    plain = np.asarray(Image.open(written(small, tab, "screenshot-*.png")))
    assert plain.shape == marked.shape and not np.array_equal(plain, marked)
    tab.press("Selection")
    written(small, tab, "red_mug_.._x-2*.ply")
    tab.close()


def test_words_without_a_model_say_how_to_get_one_and_a_held_granularity_how_to_end_it(
    browser: Any, small: Viewer
) -> None:
    tab = Tab(browser, small.address, (1280, 800))
    assert tab.sees("To select by words, describe the segments")
    assert not tab.page.get_by_role("button", name="Find", exact=True).is_visible()
    page = small.pages[0]
    settled(page, lambda: page.workspace.set_granularity(0.95))
    tab.wait(lambda: tab.sees("All clicks now take granularity 0.95"))
    tab.screenshot("held-1280x800")
    tab.close()


def test_a_splat_file_can_be_turned_over(browser: Any, tmp_path: Path) -> None:
    splats, _ = viewer_scenes.carrying()
    write_ply(tmp_path / "things.ply", splats)
    viewer = Viewer(open_shown(tmp_path / "things.ply"), tmp_path / "exports", port=free_port())
    tab = Tab(browser, viewer.address)
    assert tab.page.title() == "splatseg · things.ply"
    page, up = viewer.pages[0], np.array(viewer.scene.home().up)
    tab.tab("Views")
    tab.press("Flip up")
    tab.wait(lambda: np.allclose(page.pose.up, -up, atol=1e-3))
    tab.press("Flip up")
    tab.wait(lambda: np.allclose(page.pose.up, up, atol=1e-3))
    tab.close()
    viewer.close()
