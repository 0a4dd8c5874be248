"""The pictures of the tutorial, in its order: pages as Chromium shows them, and what the commands of the tutorial make.

splatseg demo -o demo-run
python benchmarks/make_tutorial.py demo-run docs/pictures

The run is changed in a copy only. Needs the extra viewer, playwright and Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import splatseg
from splatseg.jobs.film import cameras_of_film
from splatseg.render.overlays import side_by_side
from splatseg.viewer.page.page import Page
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser_tab import FLAGS, Tab, chromium

MUG, BLOCK, VIEW = (93, 146), (251, 139), "012.jpg"
"""The clicks of the tutorial, pixels of that view."""

SEEN = (1280, 800)
"""Size of the browser's window."""

SHOWN = 900
"""Width of its pictures in the tutorial."""


def main(folder: Path, pictures: Path) -> None:
    """Make them all and say how large they are."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(shutil.copytree(folder, Path(place) / "demo-run"))
        scene = splatseg.open(run)
        of_commands(scene, pictures)
        scene.close()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
            of_report(browser, run / "report.html", pictures)
            of_viewer(browser, run, pictures)
            browser.close()


def of_commands(scene: splatseg.Scene, pictures: Path) -> None:
    """Clicks, what is exported, and frames of the film."""
    mug, block = scene.click(VIEW, MUG), scene.click(VIEW, BLOCK)
    camera = scene.view(VIEW).pinhole.resized(480, 360)
    save(pictures / "tutorial_levels.webp", [part.render(camera) for part in (block, block.grow())])
    alone = [splatseg.Scene(part.splats, "part") for part in (mug, mug.rest)]
    save(pictures / "tutorial_export.webp", [part.render(camera) for part in alone])
    shown = [[mug.render(name), white(mug.mask(name))] for name in (VIEW, "040.jpg")]
    save(pictures / "tutorial_masks.webp", [picture for pair in shown for picture in pair])
    assert scene.run is not None
    orbit = cameras_of_film(scene.run, scene.splats, splatseg.Film("orbit", seconds=1, fps=4, size=(320, 240)))
    save(pictures / "tutorial_film.webp", [scene.render(camera, "overlay") for camera in orbit])


def white(mask: np.ndarray) -> np.ndarray:
    """A mask (H,W) as the picture that `select` writes."""
    return np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)


def of_report(browser: Any, report: Path, pictures: Path) -> None:
    """The top of the report."""
    page = browser.new_page(viewport={"width": SEEN[0], "height": SEEN[1]})
    page.goto(report.as_uri())
    page.wait_for_timeout(1000)
    shot(page, pictures / "tutorial_report.webp")
    page.close()


def of_viewer(browser: Any, run: Path, pictures: Path) -> None:
    """The first sight; a click on the mug; its name in the list; a click on a block, and the blocks it belongs to."""
    viewer = Viewer(open_shown(run), run / "exports", port=8190)
    tab = Tab(browser, viewer.address, SEEN)
    page = viewer.pages[0]
    scene = splatseg.open(run)
    settle(tab)
    shot(tab.page, pictures / "tutorial_view.webp")
    click(tab, page, scene.click(VIEW, MUG))
    shot(tab.page, pictures / "tutorial_click.webp")
    tab.tab("Segments")
    name = tab.text("Name")
    name.fill("red mug")
    name.press("Enter")
    settle(tab)
    shot(tab.page, pictures / "tutorial_name.webp")
    tab.tab("Select")
    click(tab, page, scene.click(VIEW, BLOCK))
    tab.page.keyboard.press("g")
    settle(tab)
    shot(tab.page, pictures / "tutorial_grow.webp")
    tab.close()
    viewer.close()


def click(tab: Tab, page: Page, thing: splatseg.Selection) -> None:
    """Click in the middle of what is seen of a thing."""
    rows, columns = np.nonzero(thing.mask(page.camera))
    middle = np.abs(rows - np.median(rows)) + np.abs(columns - np.median(columns))
    nearest = int(middle.argmin())
    tab.click_at((columns[nearest] + 0.5) / page.camera.width, (rows[nearest] + 0.5) / page.camera.height)
    settle(tab)


def settle(tab: Tab) -> None:
    """Wait for the sharp picture, and close the notes in the corner."""
    tab.page.wait_for_timeout(2500)
    tab.escape()
    tab.page.wait_for_timeout(500)


def shot(page: Any, path: Path) -> None:
    """Keep what the browser shows."""
    png = path.with_suffix(".png")
    page.screenshot(path=png)
    with Image.open(png) as picture:
        height = round(picture.height * SHOWN / picture.width)
        write(path, picture.convert("RGB").resize((SHOWN, height), Image.Resampling.LANCZOS))
    png.unlink()


def save(path: Path, row: Sequence[np.ndarray]) -> None:
    """Pictures in a row as one file."""
    write(path, Image.fromarray(np.ascontiguousarray(side_by_side(list(row), gap=4))))


def write(path: Path, image: Image.Image) -> None:
    """Write a picture of the documentation."""
    image.save(path, quality=82, method=6)
    print(f"{path}: {image.width}x{image.height}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
