"""The film of README: one click selects an object, the scene turns, and every object gets a colour of its own.

splatseg train ../shared/data/demo -o run --masks ../shared/data/demo/masks_sim
python benchmarks/make_click_film.py run docs/pictures/click.webp

Any run with segments will do; a click on the object must be known (--view, --click).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import splatseg
from splatseg.jobs.film import cameras_of_film
from splatseg.render.film.video import write_video

SIZE = (480, 360)
FPS = 10
APPROACH, HELD, TURN = 10, 6, 54
"""Frames in which the pointer comes, in which the selection is shown, and of the whole turn."""

ARROW = ((0, 0), (0, 15), (4, 12), (7, 18), (10, 17), (7, 11), (12, 11))
"""Outline of the pointer, in pixels from its tip."""


def main() -> None:
    """Make the film and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--view", default="003.jpg", help="a view that shows the object")
    parser.add_argument("--click", default="432,254", help="a pixel of it")
    options = parser.parse_args()
    scene = splatseg.open(options.run)
    x, y = (float(part) for part in options.click.split(","))
    chosen = scene.click(options.view, (x, y))
    assert scene.run is not None
    film = splatseg.Film("orbit", seconds=TURN / FPS, fps=FPS, size=SIZE)
    cameras = _from_the_best(cameras_of_film(scene.run, scene.splats, film), chosen)
    kind = write_video(options.output, frames(scene, chosen, cameras), FPS)
    print(f"{options.output}: {kind}, {options.output.stat().st_size // 1000} kB, {chosen!r}")


def frames(
    scene: splatseg.Scene, chosen: splatseg.Selection, cameras: Sequence[splatseg.Camera]
) -> Iterator[np.ndarray]:
    """The pointer comes, clicks, and the scene turns: first with the selection, then with all segments."""
    first = cameras[0]
    rows, columns = np.nonzero(chosen.mask(first))
    target = np.array([np.median(columns), np.median(rows)])
    start = np.array([0.12 * first.width, 0.9 * first.height])
    plain, lit = scene.render(first), chosen.render(first)
    for share in np.linspace(0.0, 1.0, APPROACH):
        yield _pointed(plain, start + (target - start) * (1.0 - (1.0 - share) ** 2), share == 1.0)
    for _ in range(HELD):
        yield _pointed(lit, target, True)
    for number, camera in enumerate(cameras):
        # A third of the turn is the selection's; then segments come and stay, and go before the film begins again.
        share = float(np.clip((number / TURN - 0.33) / 0.12, 0.0, 1.0) * np.clip((1.0 - number / TURN) / 0.1, 0.0, 1.0))
        base = chosen.render(camera) if number < TURN // 2 else scene.render(camera)
        shown = scene.render(camera, "overlay", antialias=True) if share > 0.0 else base
        yield np.rint(base * (1.0 - share) + shown * share).astype(np.uint8)


def _from_the_best(cameras: Sequence[splatseg.Camera], chosen: splatseg.Selection) -> list[splatseg.Camera]:
    """The same closed path, begun where the selection is seen largest."""
    best = int(np.argmax([chosen.mask(camera).sum() for camera in cameras]))
    return [*cameras[best:], *cameras[:best]]


def _pointed(picture: np.ndarray, tip: np.ndarray, pressed: bool) -> np.ndarray:
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    if pressed:
        draw.ellipse([*(tip - 9), *(tip + 9)], outline=(255, 255, 255), width=2)
    draw.polygon([tuple(tip + corner) for corner in ARROW], fill=(255, 255, 255), outline=(20, 20, 20))
    return np.asarray(image)


if __name__ == "__main__":
    main()
