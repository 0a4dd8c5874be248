"""How well the checks of what is given together decide, on scenes whose answer is known.

    python benchmarks/checks.py --scenes DATA/family/* [--fits FITS]

masks: of 12 views, those whose masks fit their own photograph best (`splatseg.checks.mask_boundaries`): as they are,
for one object a view (the 2nd, 6th, 11th by size), and given to the next view. splats (with --fits, runs by the scenes'
names): each is turned, moved and scaled at random, brought back by registration alone, and its mean PSNR over some
views compared with that of the splat before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View
from splatseg.checks.mask_boundaries import MOST, boundary_of, fitting_views, gradient_ranks
from splatseg.checks.world import placed
from splatseg.evaluate.images import psnr
from splatseg.masks.segments import Segments, from_label_map
from splatseg.masks.store import open_masks
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import open_run
from splatseg.splats.similarity import Similarity
from splatseg.splats.splats import Splats
from splatseg.spread import spread

KINDS = {"all masks": None, "2nd object": 1, "6th object": 5, "11th object": 10}


def main() -> None:
    """Print a row a scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True)
    parser.add_argument("--masks", default="masks_sim", help="folder of masks of each scene")
    parser.add_argument("--fits", type=Path, help="runs by the scenes' names")
    asked = parser.parse_args()
    for scene in asked.scenes:
        capture = load_capture(scene)
        if (scene / asked.masks).is_dir():
            print(f"{scene.name:12} masks  {masks_row(capture, scene / asked.masks)}", flush=True)
        if asked.fits is not None and (asked.fits / scene.name).is_dir():
            print(
                f"{scene.name:12} splat  {splat_row(capture, open_run(asked.fits / scene.name).splats())}", flush=True
            )


def masks_row(capture: Capture, folder: Path) -> str:
    """Return how many of the compared views fit, own and next, for each kind of masks."""
    views, store = spread(capture.views, MOST), open_masks(folder, capture.views)
    ranks, segments = [gradient_ranks(view) for view in views], [store.read(view) for view in views]
    texts = []
    for name, kind in KINDS.items():
        own, following = (_fitting(segments, ranks, kind, step) for step in (0, 1))
        texts.append(f"{name} {own}, next view's {following}")
    return f"of {len(views)}: {'; '.join(texts)}"


def _fitting(segments: Sequence[Segments | None], ranks: Sequence[np.ndarray], kind: int | None, step: int) -> int:
    given = [segments[(i + step) % len(segments)] for i in range(len(segments))]
    chosen = [one if one is None or kind is None else _object(one, kind) for one in given]
    boundaries = [
        None if one is None else boundary_of(one, *rank.shape) for one, rank in zip(chosen, ranks, strict=True)
    ]
    return fitting_views(boundaries, ranks)[0]


def _object(segments: Segments, place: int) -> Segments | None:
    """Return one object of a view, by its place by size in the first layer; the smallest if there are fewer."""
    layer = segments.layers[0]
    counts = np.bincount(layer.ravel())
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    return from_label_map((layer == order[min(place, len(order) - 1)]).astype(np.int32)) if len(order) else None


def splat_row(capture: Capture, splats: Splats, seed: int = 0) -> str:
    """Return the PSNR of a splat, and that after it was moved at random and brought back."""
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    move = Similarity(rotation, 3.0 * rng.normal(size=3), float(rng.uniform(0.1, 5.0)))
    began = time.monotonic()
    place = placed(move.splats(splats.plain()), Path("moved.ply"), capture)
    seconds = time.monotonic() - began
    if place.move is None:
        return f"not brought back, {seconds:.0f} s"
    views = capture.views[::12]
    return f"{_quality(splats, views):.2f} dB, back {_quality(place.splats, views):.2f} dB, {seconds:.0f} s"


@torch.no_grad()
def _quality(splats: Splats, views: Sequence[View]) -> float:
    return float(np.mean([psnr(render_rgb(splats, view.camera).numpy(), view.image()) for view in views]))


if __name__ == "__main__":
    main()
