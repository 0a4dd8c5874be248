"""A viewer with one small scene, and pages of it in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tab import Tab, free_port, settled

from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run that the tests may change."""
    from splatseg.cli.main import run
    from splatseg.demo.demo import demo_capture

    folder, capture = tmp_path_factory.mktemp("viewer") / "mugs", demo_capture()
    arguments = ["train", str(capture), "-o", str(folder), "--masks", str(capture / "masks")]
    assert run([*arguments, "--downscale", "4", "--iterations", "240"]) == 0
    return folder


@pytest.fixture(scope="session")
def viewer(run_folder: Path) -> Iterator[Viewer]:
    """A server on a free port of this machine."""
    started = Viewer(open_shown(run_folder), run_folder / "exports", port=free_port())
    yield started
    started.close()


@pytest.fixture(scope="session")
def shared_tab(browser: Any, viewer: Viewer) -> Iterator[Tab]:
    """The page that most tests share: opening one takes seconds."""
    tab = Tab(browser, viewer.address)
    yield tab
    tab.close()


@pytest.fixture
def tab(shared_tab: Tab, viewer: Viewer) -> Iterator[Tab]:
    """The shared page with nothing selected and nothing hidden; what its console complains of fails the test."""
    shared_tab.complaints.clear()
    shared_tab.escape()
    page = viewer.pages[0]
    settled(page, lambda: page.tools.use("click"))
    settled(page, lambda: page.screen.draw_locally(False))
    settled(page, page.workspace.show_all)
    settled(page, page.workspace.clear)
    yield shared_tab
    assert not shared_tab.complaints
