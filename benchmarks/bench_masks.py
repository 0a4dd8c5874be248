"""What `splatseg masks` costs beside the model: decoding, duplicates, writing; and the size and reading of its files.

    PYTHONPATH=.:tests python benchmarks/bench_masks.py [--images 200] [--size 640x480] [--family sam] [--points 8]

The model is a tiny one of the family with random weights (tests/tiny_mask_models.py); its time is all that transformers
does, from the pixels to filtered masks. Its masks are blobs anywhere in the image: at --side 16 they have about as many
runs as large objects, at 64 twenty times as many. Prints one JSON object; times are wall seconds. `overhead` is what is
not the model's, as a share of the whole.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tiny_mask_models
import torch
from PIL import Image
from tiny_mask_models import FAMILIES, save_tiny_model

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.masks.propose import batch
from splatseg.masks.propose.proposers import open_proposer
from splatseg.masks.propose.settings import ProposeSettings
from splatseg.masks.store import open_masks


class Timed:
    """A function that sums up the seconds spent in it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.seconds = function, 0.0

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._function(*arguments)
        finally:
            self.seconds += time.perf_counter() - began


class TimedProposer(Timed):
    """A proposer as such a function."""

    views_at_once = 1

    def __init__(self, proposer: Any) -> None:
        super().__init__(proposer)
        self.score_name, self.facts = proposer.score_name, proposer.facts


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--family", choices=FAMILIES, default="sam")
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--side", type=int, default=16, help="pixels the model sees; its masks have (side / 4)^2 blobs")
    given = parser.parse_args()
    tiny_mask_models.SIDE = given.side
    width, height = (int(side) for side in given.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        views = _views(folder, given.images, width, height)
        settings = ProposeSettings(points_per_side=given.points, pred_iou=0.5, stability=0.8)
        proposer = TimedProposer(open_proposer(str(save_tiny_model(given.family, folder / "model")), settings))
        duplicates = batch.without_duplicates = Timed(batch.without_duplicates)
        writing = batch.write_mask_file = Timed(batch.write_mask_file)
        masks = folder / "masks"
        proposer(views[0].image())  # what happens at a first call only
        proposer.seconds = 0.0
        began = time.perf_counter()
        batch.begin_folder(masks, views, proposer.facts)
        made = batch.propose_views(views, masks, proposer, proposer.facts)
        whole = time.perf_counter() - began
        sizes = [batch.mask_path(masks, view).stat().st_size for view in views]
        began = time.perf_counter()
        store = open_masks(masks, views)
        layers = [len(store.read(view).layers) for view in views]
        reading = time.perf_counter() - began
    print(
        json.dumps(
            {
                "family": given.family,
                "images": given.images,
                "size": given.size,
                "threads": torch.get_num_threads(),
                "side": given.side,
                "masks_a_view": round(statistics.mean(made.counts.values()), 1),
                "seconds": round(whole, 2),
                "model": round(proposer.seconds, 2),
                "duplicates": round(duplicates.seconds, 2),
                "writing": round(writing.seconds, 2),
                "overhead": round(1 - proposer.seconds / whole, 4),
                "kilobytes_a_view": round(statistics.mean(sizes) / 1000, 1),
                "reading_ms_a_view": round(1000 * reading / len(views), 1),
                "layers_a_view": round(statistics.mean(layers), 1),
            }
        )
    )


def _views(folder: Path, count: int, width: int, height: int) -> list[View]:
    rng = np.random.default_rng(0)
    camera = Camera(np.eye(4), np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]]), width, height)
    views = []
    for i in range(count):
        path = folder / "images" / f"{i:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        colors = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
        colors.resize((width, height), Image.Resampling.NEAREST).save(path)
        views.append(View(path.name, camera, path))
    return views


if __name__ == "__main__":
    main()
