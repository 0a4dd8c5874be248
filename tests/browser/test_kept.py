"""Nothing is lost in a real browser: two servers on one run, a server that is killed, a run that goes, who comes again.

Screenshots are kept in build/screenshots for whoever wants to look.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import viewer_scenes
from browser_tab import Tab, free_port, settled

from splatseg.run.folder import Run
from splatseg.segments.segments_json import read_segments
from splatseg.viewer import server
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown

pytestmark = pytest.mark.slow

MAIN = "import sys; sys.argv[0] = 'splatseg'; from splatseg.cli.main import main; main()"

GONE = "The server has ended"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made, _ = viewer_scenes.run(tmp_path)
    return made


@pytest.fixture
def serve(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Viewer]]:
    """A function that starts a server of the run in this process; the last started ends first."""
    monkeypatch.setattr(server, "SECONDS_BETWEEN_SAVES", 0.3)
    started: list[Viewer] = []

    def start() -> Viewer:
        scene = open_shown(run.path)
        assert scene.keeper is not None
        scene.keeper._views = scene.views[:1]
        started.append(Viewer(scene, run.path / "exports", port=free_port()))
        return started[-1]

    yield start
    for viewer in reversed(started):
        viewer.close()


@pytest.fixture
def killable(run: Run) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """A function that starts `splatseg view` at a port in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", MAIN, "view", str(run.path), "--port", str(port)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        assert started[-1].stdout is not None
        assert f"http://localhost:{port}" in started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def named(run: Run) -> dict[int, str]:
    return {row.id: row.name for row in read_segments(run.segments_path)}


def rename(tab: Tab, segment: int, name: str) -> None:
    """Rename a segment as a person does."""
    tab.tab("Segments")
    tab.row(segment).locator(".ss-name").click()
    tab.wait(lambda: tab.text("Name").input_value())
    tab.text("Name").fill(name)
    tab.press("Rename")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desk", "phone"])
def test_a_second_server_may_only_look_says_who_has_the_run_and_takes_over_when_that_has_ended(
    browser: Any, serve: Callable[[], Viewer], run: Run, size: tuple[int, int]
) -> None:
    first = serve()
    second = serve()
    tab = Tab(browser, second.address, size)
    tab.wait(lambda: tab.sees("Read-only"))
    assert tab.sees("splatseg view (process"), "it says who"
    tab.screenshot(f"read-only-{size[0]}x{size[1]}")
    rename(tab, 2, "stolen")
    tab.wait(lambda: tab.sees("That did not work"))
    assert named(run)[2] == "right"
    first.close()
    tab.wait(lambda: not tab.sees("Read-only"))
    tab.escape()
    rename(tab, 2, "red mug")
    tab.wait(lambda: named(run)[2] == "red mug")
    tab.close()


def test_names_given_in_the_first_of_two_servers_are_never_lost(
    browser: Any, serve: Callable[[], Viewer], run: Run
) -> None:
    first, second = serve(), serve()
    one, other = Tab(browser, first.address), Tab(browser, second.address)
    rename(one, 1, "mug")
    one.wait(lambda: named(run)[1] == "mug")
    rename(other, 2, "lamp")
    other.wait(lambda: other.sees("That did not work"))
    one.close()
    first.close()
    other.wait(lambda: other.sees("somebody else changed the segments"))
    other.screenshot("changed-elsewhere")
    assert named(run) == {1: "mug", 2: "right", 3: "top"}
    other.close()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desk", "phone"])
def test_a_killed_server_is_told_with_the_way_on_and_the_page_connects_again(
    browser: Any, killable: Callable[[int], subprocess.Popen[str]], run: Run, size: tuple[int, int]
) -> None:
    port = free_port()
    process = killable(port)
    tab = Tab(browser, f"http://localhost:{port}", size)
    tab.wait(lambda: tab.sees("Nothing is selected"))
    assert tab.page.title() == "splatseg · run"
    rename(tab, 1, "mug")
    tab.wait(lambda: named(run)[1] == "mug")
    process.send_signal(signal.SIGKILL)
    tab.wait(lambda: tab.sees(GONE))
    assert tab.sees(f"splatseg view {run.path} --port {port}") and tab.sees("This page then connects by itself")
    tab.screenshot(f"server-killed-{size[0]}x{size[1]}")
    killable(port)
    tab.wait(lambda: not tab.sees(GONE))
    tab.arrived()
    tab.tab("Segments")
    tab.wait(lambda: tab.sees("mug"))
    tab.close()


def test_a_run_that_moved_away_is_told_in_the_panel_and_kept_when_it_is_back(
    browser: Any, serve: Callable[[], Viewer], run: Run
) -> None:
    tab = Tab(browser, serve().address, (1280, 800))
    away = run.path.with_name("away")
    run.path.rename(away)
    tab.wait(lambda: tab.sees("the run is gone from"))
    rename(tab, 1, "mug")
    tab.wait(lambda: tab.sees("not kept"))
    tab.screenshot("run-gone")
    tab.tab("Export")
    tab.press("Screenshot")
    tab.wait(lambda: tab.sees("nothing can be exported"))
    assert not run.path.exists(), "no stump"
    away.rename(run.path)
    tab.wait(lambda: named(run)[1] == "mug")
    tab.wait(lambda: not tab.sees("the run is gone from"))
    tab.close()


def test_a_new_browser_begins_clean_and_the_same_one_finds_its_own_with_its_undo(
    browser: Any, serve: Callable[[], Viewer]
) -> None:
    viewer = serve()
    tab = Tab(browser, viewer.address)
    page = viewer.pages[0]
    settled(page, lambda: page.workspace.select_segment(1))
    settled(page, lambda: page.workspace.select_segment(2))
    chosen = page.workspace.members.copy()
    stranger = Tab(browser, viewer.address)
    assert stranger.sees("Nothing is selected")
    stranger.close()
    tab.page.reload()
    tab.arrived()
    tab.wait(lambda: tab.sees("right"))
    tab.wait(lambda: len(viewer.pages) == 1)
    assert np.array_equal(viewer.pages[0].workspace.members, chosen)
    viewer.close()
    again = serve()  # at another port
    tab.page.goto(again.address)
    tab.arrived()
    tab.wait(lambda: again.pages and again.pages[0].begun)
    assert np.array_equal(again.pages[0].workspace.members, chosen)
    tab.tab("Select")
    tab.press("Undo")
    tab.wait(lambda: tab.sees("left"))
    stranger = Tab(browser, again.address)
    assert stranger.sees("Nothing is selected")
    stranger.close()
    tab.close()


@pytest.mark.parametrize("size", [(1280, 800), (1024, 640), (390, 844)], ids=str)
def test_the_first_picture_is_that_of_home(browser: Any, serve: Callable[[], Viewer], size: tuple[int, int]) -> None:
    viewer = serve()
    tab = Tab(browser, viewer.address, size)
    page = viewer.pages[0]
    tab.page.wait_for_timeout(1500)
    first = page.camera
    box = tab.canvas
    assert abs(page.aspect - box["width"] / box["height"]) < 0.01
    tab.screenshot(f"first-{size[0]}x{size[1]}")
    tab.page.keyboard.press("r")
    tab.page.wait_for_timeout(1000)
    assert np.allclose(page.camera.viewmat, first.viewmat, atol=1e-4) and np.allclose(page.camera.K, first.K, rtol=1e-3)
    tab.close()


def test_the_page_is_light_or_dark_as_the_system_is(browser: Any, serve: Callable[[], Viewer]) -> None:
    viewer = serve()
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.goto(viewer.address)
        page.get_by_text("Nothing is selected").first.wait_for()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == scheme
        page.screenshot(path=Path(__file__).parents[2] / "build" / "screenshots" / f"scheme-{scheme}.png")
        context.close()
