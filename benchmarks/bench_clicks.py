"""Clicks on objects in a training view: IoU over the held-out views after one click, two, three, with overlays.

    python benchmarks/bench_clicks.py RUN GT --ids 1 2 3 [--ignore 255] [--clicks 5] [--pictures DIR]

The first click is the pixel deepest inside the object in the training view where it covers most pixels. Every further
one corrects what is shown in that view, as a person would: it goes to the deepest pixel of the largest mistake, wanted
where the object is missed, unwanted where something else is taken. The mean is over held-out views where the object
has 100 pixels or more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from harness import deepest_pixel
from PIL import Image
from scipy import ndimage

from splatseg import Prompt, View
from splatseg.errors import PromptError
from splatseg.evaluate.segmentation import boundary_iou, iou
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.render.label_maps import selection_mask
from splatseg.render.overlays import overlay_selection, side_by_side
from splatseg.run.folder import Run, open_run
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompts import select_by_prompts
from splatseg.select.session import Session

FEWEST_PIXELS = 100


def next_click(shown: np.ndarray, target: np.ndarray, known: np.ndarray, view: View) -> Prompt:
    """The click on the largest connected mistake of a mask (H,W) in a view."""
    mistakes = [
        (part, wanted)
        for wanted in (True, False)
        for part in _parts((target if wanted else shown) & known, shown & target)
    ]
    largest, wanted = max(mistakes, key=lambda mistake: int(mistake[0].sum()))
    return Prompt(view.camera, click=deepest_pixel(largest), wanted=wanted)


def _parts(claimed: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    labels, count = ndimage.label(claimed & ~right)
    return [labels == part for part in range(1, count + 1)]


def score(
    run: Run, session: Session, knowledge: Knowledge, truth: Truth, object_id: int, clicks: int, pictures: Path | None
) -> list[str]:
    """Click, select, compare; a line of text for every click."""
    view = max(run.capture.split("train"), key=lambda v: int((truth.label_maps[v.name] == object_id).sum()))
    labels = truth.label_maps[view.name]
    target, known = labels == object_id, labels != (-1 if truth.unknown is None else truth.unknown)
    prompts = [Prompt(view.camera, click=deepest_pixel(target))]
    lines = []
    for count in range(1, clicks + 1):
        try:
            members = select_by_prompts(session, prompts, knowledge).members
        except PromptError as error:
            lines.append(f"{truth.name(object_id):<16} {count} clicks: {error}")
            break
        means = np.mean(
            held_out(run, session, truth, object_id, members, pictures if count == clicks else None), axis=0
        )
        what = "".join("+" if prompt.wanted else "-" for prompt in prompts)
        lines.append(f"{truth.name(object_id):<16} {what:<8} IoU {means[0]:.3f}  boundary IoU {means[1]:.3f}")
        shown = selection_mask(session.splats, view.camera, members)
        if not ((shown != target) & known).any():
            break
        prompts.append(next_click(shown, target, known, view))
    x, y = prompts[0].click or (0.0, 0.0)
    return [*lines, f"{'':16} first clicked at ({x:.0f}, {y:.0f}) in {view.name}"]


def held_out(
    run: Run, session: Session, truth: Truth, object_id: int, members: np.ndarray, pictures: Path | None
) -> list[tuple[float, float]]:
    """(IoU, boundary IoU) in every held-out view that shows the object."""
    rows = []
    for view in run.capture.split("test"):
        labels = truth.label_maps[view.name]
        target = labels == object_id
        mask = selection_mask(session.splats, view.camera, members)
        scored = mask if truth.unknown is None else mask & (labels != truth.unknown)
        if target.sum() >= FEWEST_PIXELS:
            rows.append((iou(scored, target), boundary_iou(scored, target)))
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            row = side_by_side([overlay_selection(view.image(), m) for m in (mask, target)])
            Image.fromarray(row).save(pictures / f"{truth.name(object_id)}-{Path(view.png_name).stem}.jpg")
    return rows


def main() -> None:
    """Score every object asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("gt", type=Path)
    parser.add_argument("--ids", type=int, nargs="+", required=True)
    parser.add_argument("--ignore", type=int)
    parser.add_argument("--clicks", type=int, default=1)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    run = open_run(given.run)
    session, knowledge = Session(run.splats()), Knowledge(run.agreement(), run.hierarchy())
    truth = read_truth(given.gt, run.capture.views, unknown=given.ignore)
    for object_id in given.ids:
        print(*score(run, session, knowledge, truth, object_id, given.clicks, given.pictures), sep="\n", flush=True)


if __name__ == "__main__":
    main()
