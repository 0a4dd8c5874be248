"""A viewer with one small scene, and a real browser to open it in. Skipped where there is no Chromium."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"

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
)
"""What Chromium says about software rendering and viser 1.1 about its three.js; nothing else may be a warning or an
error."""


def chromium() -> str | None:
    """The browser's program, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium here (looked for chromium, chromium-browser, google-chrome)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield started
        started.close()


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

    def press(self, name: str) -> None:
        """Press a button of the panel."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def sees(self, text: str) -> bool:
        """Whether a text is in sight."""
        return bool(self.page.get_by_text(text).first.is_visible())

    def close(self) -> None:
        """Close the page."""
        self.context.close()


PICTURE_THERE = """() => {
  const m = window.__viserMutable?.backgroundMaterial;
  return !!(m && m.uniforms.enabled.value && m.uniforms.colorMap.value);
}"""
