"""One page in a real browser, as a person uses it: what the tests of the viewer's page share."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from splatseg.viewer.page.page import Page
from splatseg.viewer.server import Viewer

SCREENSHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
"""Software rendering: works without a graphics card and without a display."""

HARMLESS = (
    "GPU stall due to ReadPixels",
    "GL Driver Message",
    "Automatic fallback to software WebGL",
    "[Performance] Setting DPR",
    "THREE.Clock: This module has been deprecated",
    "THREE.BufferGeometry.computeBoundingSphere(): Computed radius is NaN",  # viser's own Gaussian splats
)
"""What Chromium says about software rendering and viser 1.1 about its three.js; nothing else may be a warning or an
error."""


def chromium() -> str | None:
    """The browser's program, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Tab:
    """One open page, what its console said, and what a person does in it."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int] = (1280, 720)) -> None:
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.goto(address)
        self.arrived()

    def arrived(self) -> None:
        """Wait until the panel and the first picture are there."""
        self.page.get_by_text("Show", exact=True).first.wait_for()
        self.wait(lambda: self.page.evaluate(PICTURE_THERE))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in HARMLESS):
            self.complaints.append(f"{message.type}: {message.text}")

    def wait(self, true: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Let the page live until something is true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            result = true()
            if result:
                return result
            self.page.wait_for_timeout(50)
        self.screenshot("waited-in-vain")
        raise AssertionError(f"it did not happen within {seconds:g} s; see waited-in-vain.png")

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def click_at(self, x: float, y: float, *keys: str) -> None:
        """Click in the picture, x and y 0..1 of it, with keys held."""
        box = self.canvas
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        for key in keys:
            self.page.keyboard.up(key)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *keys: str) -> None:
        """Drag in the picture from start to end, with keys held."""
        box = self.canvas
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        self.page.mouse.down()
        for share in (0.25, 0.5, 0.75, 1.0):
            x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
            self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    @property
    def canvas(self) -> Any:
        """Where the picture is: x, y, width, height."""
        return self.page.locator("canvas[data-engine]").bounding_box()

    def tab(self, name: str) -> None:
        """Open a tab of the panel."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def labelled(self, label: str, control: str) -> Any:
        """The control in sight that stands behind a label."""
        behind = f"xpath=//label[normalize-space()='{label}']/../../.."
        return self.page.locator(behind).locator(control).locator("visible=true").first

    def text(self, label: str) -> Any:
        """The text control behind a label."""
        return self.labelled(label, "input.mantine-TextInput-input")

    def number(self, label: str) -> Any:
        """The number beside the slider behind a label."""
        return self.labelled(label, "input.mantine-NumberInput-input")

    def choose(self, label: str, option: str) -> None:
        """Choose from the list behind a label."""
        self.labelled(label, "input.mantine-Select-input").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def row(self, segment: int) -> Any:
        """The row of a segment in the list."""
        return self.page.locator(f"[data-segment='{segment}']")

    def first_rows(self) -> list[int]:
        """Open the list of segments at its first page, and return the ids of the rows on it, downwards.

        Which segments those are follows from their sizes, so from the fit: a test takes them as they come.
        """
        self.tab("Segments")
        back = self.page.get_by_title("Previous rows")
        while back.is_enabled():
            before = self.rows.all_inner_texts()
            back.click()
            self.wait(lambda before=before: self.rows.all_inner_texts() != before)  # type: ignore[misc]
        return [int(each) for each in self.rows.evaluate_all("all => all.map(each => each.dataset.segment)")]

    @property
    def rows(self) -> Any:
        """The rows of the list on its present page."""
        return self.page.locator("[data-segment]")

    def press(self, name: str) -> None:
        """Press a button of the panel."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def sees(self, text: str) -> bool:
        """Whether a text is in sight."""
        return bool(self.page.get_by_text(text).first.is_visible())

    def point_nowhere(self) -> None:
        """Move the pointer to the panel's title: nothing there lights up or has a hint."""
        box = self.canvas
        self.page.mouse.move(box["x"] + box["width"] + 150, 36)

    def escape(self) -> None:
        """Let go of mouse and keys, leave whatever text control has the keyboard, close the notes in the corner."""
        self.page.mouse.up()
        for key in ("Shift", "Control", "Alt"):
            self.page.keyboard.up(key)
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        crosses = self.page.locator(".mantine-Notification-closeButton")
        self.wait(lambda: crosses.evaluate_all("all => { all.forEach(each => each.click()); return !all.length }"))

    def close(self) -> None:
        """Close the page."""
        self.context.close()


PICTURE_THERE = """() => {
  const m = window.__viserMutable?.backgroundMaterial;
  return !!(m && m.uniforms.enabled.value && m.uniforms.colorMap.value);
}"""


def settled(page: Page, action: Callable[[], object] = lambda: None) -> None:
    """Run an action in a page's thread, after all that waits there."""
    done = threading.Event()

    def run() -> None:
        try:
            action()
        finally:
            done.set()

    page.do(run)
    assert done.wait(60.0)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def selected(viewer: Viewer, number: int = 0) -> np.ndarray:
    """What is selected in a page, after all that waits there."""
    page = viewer.pages[number]
    settled(page)
    return page.workspace.members.copy()


def places(page: Page, count: int) -> list[tuple[int, tuple[float, float]]]:
    """Segments that are well in sight, the table left out, as (id, place 0..1 in the middle of what is seen of it)."""
    scene, camera = page.scene, page.camera
    assert scene.table is not None
    found = []
    for row in scene.table.rows():
        mask = scene.session.mask(camera, scene.table.ids == row.id)
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        if depth[y, x] > 6 and mask.mean() < 0.1:
            found.append((float(depth[y, x]), row.id, ((x + 0.5) / camera.width, (y + 0.5) / camera.height)))
    assert len(found) >= count, "too few segments are in sight"
    return [(identity, place) for _, identity, place in sorted(found, reverse=True)[:count]]
