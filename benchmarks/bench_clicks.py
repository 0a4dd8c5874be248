"""One click each: IoU of objects clicked in a training view, over the held-out views, with overlays to look at.

    python benchmarks/bench_clicks.py RUN GT --ids 1 2 3 [--ignore 255] [--pictures DIR]

The click is the pixel deepest inside the object in the training view where it covers most pixels. The mean is over
held-out views where the object has 100 pixels or more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from harness import deepest_pixel
from PIL import Image

from splatseg import open_run, select_by_click, selection_mask
from splatseg.evaluate import Truth, boundary_iou, iou, read_truth
from splatseg.output import overlay_selection, side_by_side
from splatseg.run import Run
from splatseg.splats import Splats

FEWEST_PIXELS = 100


def score(run: Run, splats: Splats, truth: Truth, object_id: int, pictures: Path | None) -> str:
    """Click, select, compare; one line of text."""
    train = run.capture.split("train")
    view = max(train, key=lambda v: int((truth.label_maps[v.name] == object_id).sum()))
    click = deepest_pixel(truth.label_maps[view.name] == object_id)
    selection = select_by_click(splats, view.camera, click, voted=run.votes_path.exists())
    rows = []
    for held_out in run.capture.split("test"):
        labels = truth.label_maps[held_out.name]
        target = labels == object_id
        mask = selection_mask(splats, held_out.camera, selection.members)
        known = mask if truth.unknown is None else mask & (labels != truth.unknown)
        if target.sum() >= FEWEST_PIXELS:
            rows.append((iou(known, target), boundary_iou(known, target)))
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            row = side_by_side([overlay_selection(held_out.image(), m) for m in (mask, target)])
            Image.fromarray(row).save(pictures / f"{truth.name(object_id)}-{Path(held_out.png_name).stem}.jpg")
    means = np.mean(rows, axis=0)
    place = f"clicked at ({click[0]:.0f}, {click[1]:.0f}) in {view.name}"
    return f"{truth.name(object_id):<16} IoU {means[0]:.3f}  boundary IoU {means[1]:.3f}  {len(rows)} views  {place}"


def main() -> None:
    """Score every object asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("gt", type=Path)
    parser.add_argument("--ids", type=int, nargs="+", required=True)
    parser.add_argument("--ignore", type=int)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    run = open_run(given.run)
    splats = run.splats()
    truth = read_truth(given.gt, run.capture.views, unknown=given.ignore)
    for object_id in given.ids:
        print(score(run, splats, truth, object_id, given.pictures))


if __name__ == "__main__":
    main()
