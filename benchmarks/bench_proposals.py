"""How well the proposals that need no weights hold the objects: best-mask IoU, masks and seconds a view.

    python benchmarks/bench_proposals.py --scene DIR [DIR ...] [--fits DIR] [--views N] [--masks DIR] [--save DIR]
                                         [--pictures DIR]

A scene is a capture with gt/instance or gt/label (255 = unknown). For every object that a view shows with 200 pixels or
more the IoU with the mask that fits it best; the mean over the views, then over objects. --fits DIR takes the surface
of the splat in the run of the scene's name there, whose rendering counts in the time. --masks scores a folder of masks
instead, --save writes the proposals as .npz, --pictures draws them over the photographs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.masks.propose.image.propose import propose_masks
from splatseg.masks.propose.mask_file import write_mask_file
from splatseg.masks.propose.proposals import proposals_of_masks
from splatseg.masks.store import open_masks
from splatseg.render.overlays import overlay_segments
from splatseg.render.rgb import render_surface
from splatseg.run.folder import open_run

FEWEST_PIXELS = 200
UNKNOWN = 255


def best_ious(masks: np.ndarray, labels: np.ndarray, ids: list[int], unknown: int | None) -> np.ndarray:
    """(len(ids),) IoU of the best of masks (N,H,W) with each label, over pixels that are known."""
    if not len(masks):
        return np.zeros(len(ids))
    known = labels.ravel() != (-1 if unknown is None else unknown)
    flat = masks.reshape(len(masks), -1)[:, known]
    objects = (labels.ravel()[known, None] == np.array(ids)).astype(np.float32)
    common = np.concatenate([part.astype(np.float32) @ objects for part in np.array_split(flat, len(flat) // 64 + 1)])
    areas = flat.sum(1)[:, None] + objects.sum(0)
    return (common / np.maximum(areas - common, 1)).max(0)


def drawn(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The photograph three times: the largest masks, middling ones, the smallest."""
    order = np.argsort(-masks.sum((1, 2)), kind="stable")
    parts = []
    for part in np.array_split(order, 3):
        labels = np.zeros(image.shape[:2], np.int32)
        for rank, m in enumerate(part, start=1):
            labels[masks[m]] = rank
        parts.append(overlay_segments(image, labels))
    return np.concatenate(parts, axis=1)


class Scorer:
    """Collects a scene's figures view by view."""

    def __init__(self, truth: Truth | None) -> None:
        self.truth = truth
        self.ious: dict[int, list[float]] = {}
        self.counts: list[int] = []
        self.seconds: list[tuple[float, float]] = []

    def add(self, view: View, masks: np.ndarray, wall: float, cpu: float) -> None:
        """One view's masks."""
        self.counts.append(len(masks))
        self.seconds.append((wall, cpu))
        if self.truth is None:
            return
        labels = self.truth.label_maps[view.name]
        ids = [i for i in self.truth.ids if (labels == i).sum() >= FEWEST_PIXELS]
        for i, iou in zip(ids, best_ious(masks, labels, ids, self.truth.unknown), strict=True):
            self.ious.setdefault(i, []).append(float(iou))

    def line(self, name: str) -> str:
        """The scene's row, and a row of its objects."""
        wall, cpu = np.mean(self.seconds, axis=0)
        row = f"{name:12} masks {np.mean(self.counts):5.0f}   seconds a view {wall:.2f} (processor {cpu:.2f})"
        if self.truth is None:
            return row
        means = {i: float(np.mean(values)) for i, values in sorted(self.ious.items())}
        things = [value for i, value in means.items() if i not in self.truth.stuff]
        stuff = [value for i, value in means.items() if i in self.truth.stuff]
        row += f"   things {np.mean(things):.3f}" + (f"   stuff {np.mean(stuff):.3f}" if stuff else "")
        return row + "\n    " + "  ".join(f"{self.truth.name(i)} {value:.2f}" for i, value in means.items())


def truth_of(capture: Capture, folder: Path) -> Truth | None:
    """The ground truth of a scene; None if it has none (fern)."""
    if (folder / "gt" / "instance").is_dir():
        return read_truth(folder / "gt" / "instance", capture.views)
    if (folder / "gt" / "label").is_dir():
        return read_truth(folder / "gt" / "label", capture.views, unknown=UNKNOWN)
    return None


def main() -> None:
    """Propose and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", "--scenes", type=Path, nargs="+", required=True)
    parser.add_argument("--fits", type=Path, help="runs by the scenes' names, whose surfaces help")
    parser.add_argument("--views", type=int, help="so many, evenly spread; default: all")
    parser.add_argument("--masks", help="score this folder of each scene instead")
    parser.add_argument("--save", type=Path, help="write proposals here, a folder a scene")
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    for folder in args.scene:
        capture = load_capture(folder)
        scorer = Scorer(truth_of(capture, folder))
        splats = open_run(args.fits / folder.name).splats() if args.fits else None
        store = open_masks(folder / args.masks, capture.views) if args.masks else None
        count = min(args.views or len(capture.views), len(capture.views))
        for index in np.linspace(0, len(capture.views) - 1, count).round().astype(int):
            view = capture.views[index]
            image, began, cpu = view.image(), time.perf_counter(), time.process_time()
            if store is None:
                depth = None if splats is None else render_surface(splats, view.camera).numpy()
                masks, scores = propose_masks(image, depth=depth)
            else:
                segments = store.read(view)
                masks = np.stack([segments.mask(i) for i in range(1, segments.count + 1)]) if segments else np.empty(0)
                scores = segments.scores if segments else np.empty(0)
            scorer.add(view, masks, time.perf_counter() - began, time.process_time() - cpu)
            stem = Path(view.png_name).stem
            if args.save:
                path = args.save / folder.name / f"{stem}.json"
                write_mask_file(path, stem, proposals_of_masks(masks, scores), "score")
            if args.pictures:
                args.pictures.mkdir(parents=True, exist_ok=True)
                Image.fromarray(drawn(image, masks)).save(args.pictures / f"{folder.name}-{stem}.png")
        print(scorer.line(folder.name), flush=True)


if __name__ == "__main__":
    main()
