"""Time the votes of one view for the labels of its masks, against one-hot images accumulated 32 at a time.

    python benchmarks/bench_votes.py --splats composed_14.splat --labels composed_14_labels.npy [--threads 2] [--json]
    python benchmarks/bench_votes.py --splats scene.splat --masks DIR [--width 640] [--height 480]

The view is the first of rings around the splat (bench_lift.py). Its label map is the splat's own labels rendered, or
the first 16-bit .png of --masks, cut or tiled to the size of the view: only how many labels there are, and how long
their boundaries, matters for the time. `vote_4_layers` votes for four maps at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from harness import conditions, measure, print_table
from PIL import Image

from splatseg.formats.read import load_splats
from splatseg.raster.interface import Plan, accumulate, prepare, vote
from splatseg.render.label_maps import label_map

CHANNELS_A_PASS = 32


def one_hot_votes(plan: Plan, labels: torch.Tensor) -> list[torch.Tensor]:
    """Dense blocks (N, 32) by `accumulate`, as long as there are labels, and the total."""
    blocks = [accumulate(plan, torch.ones(*labels.shape, 1))]
    for chunk in torch.unique(labels[labels > 0]).split(CHANNELS_A_PASS):
        blocks.append(accumulate(plan, (labels[..., None] == chunk).float()))
    return blocks


def masks_of(folder: Path, width: int, height: int) -> np.ndarray:
    labels = np.asarray(Image.open(min(folder.glob("*.png")))).astype(np.int32)
    repeats = (-(-height // labels.shape[0]), -(-width // labels.shape[1]))
    return np.ascontiguousarray(np.tile(labels, repeats)[:height, :width])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help=".npy, an integer from 0 a Gaussian")
    parser.add_argument("--masks", type=Path, help="a folder of 16-bit label maps")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    splats, _ = load_splats(args.splats)
    camera = ring_views(splats, 1, args.width, args.height)[0].camera
    if args.masks:
        shown = masks_of(args.masks, args.width, args.height)
    else:
        ids = torch.from_numpy(np.load(args.labels).astype(np.int32) + 1)
        shown = label_map(splats.replace(segment_ids=ids), camera)
    labels = torch.from_numpy(shown.astype(np.int32))
    count = int(labels.max())
    # The other layers hold other labels, as nested masks do.
    layers = torch.stack([torch.where(labels > 0, labels + i * count, 0) for i in range(4)])
    geometry = splats.geometry
    plan = prepare(*geometry, camera)
    operations: dict[str, Callable[[], object]] = {
        "prepare": lambda: prepare(*geometry, camera),
        "vote": lambda: vote(plan, labels, count),
        "vote_4_layers": lambda: vote(plan, layers, 4 * count),
        "one_hot": lambda: one_hot_votes(plan, labels),
    }
    times = measure(operations, args.repeats)
    found, _ = vote(plan, labels, count)
    facts = {
        "gaussians": len(splats),
        "labels": len(torch.unique(labels[labels > 0])),
        "votes": len(found.weights),
        **conditions(args.threads),
    }
    if args.json:
        print(json.dumps({**times, **facts}))
        return
    print_table(", ".join(f"{key} {value}" for key, value in facts.items()), times)


if __name__ == "__main__":
    main()
