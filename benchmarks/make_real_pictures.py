"""The gallery's pictures of real captures: splats of which nothing is known but the file.

    python examples/09_segments_of_a_splat_alone.py plant.splat     (prints its run; the same for the cards)
    python benchmarks/make_real_pictures.py PLANT_RUN CARDS_RUN docs/pictures

plant.splat and academic_tarot_cards.splat are by Marcel Padilla, CC BY 4.0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import splatseg
from splatseg.render.overlays import side_by_side

TURNS = (0, 1, 16, 26)
"""Numbers of the views that are shown."""

POT, LEAF = (200, 330), (223, 100)
"""Pixels of the first view."""

CROP = (60, 380)
"""Columns that are kept: the rest of these square pictures is empty."""


def main(plant: Path, cards: Path, pictures: Path) -> None:
    """Make them all and say how large they are."""
    scene = splatseg.open(plant)
    save(pictures / "real_plant.webp", [turned(scene, "rgb"), turned(scene, "overlay")])
    first = scene.views[0].name
    pot, leaf = scene.click(first, POT), scene.click(first, LEAF)
    bare = splatseg.Scene(pot.rest.splats, "plant without its pot")
    alone = splatseg.Scene(pot.splats, "pot")
    camera = scene.camera(first)
    clicks = [pot.render(first), leaf.render(first), alone.render(camera), bare.render(camera)]
    save(pictures / "real_clicks.webp", [[picture[:, slice(*CROP)] for picture in clicks]])
    scene = splatseg.open(cards)
    save(pictures / "real_cards.webp", [turned(scene, "rgb"), turned(scene, "overlay")])


def turned(scene: splatseg.Scene, what: str) -> list[np.ndarray]:
    """The scene from some of its views."""
    return [scene.render(scene.views[number].name, what)[:, slice(*CROP)] for number in TURNS]


def save(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Rows of pictures as one file."""
    image = Image.fromarray(np.concatenate([side_by_side(row, gap=4) for row in rows]))
    image.save(path, quality=80, method=6)
    print(f"{path}: {image.width}x{image.height}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
