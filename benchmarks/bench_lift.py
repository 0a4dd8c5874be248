"""Time and score segmentation in closed form on a splat whose every Gaussian has a known label.

    python benchmarks/bench_lift.py --splats composed_14.splat --labels composed_14_labels.npy [--views 40] [--json]

Cameras on three rings around the splat render the true labels; the label maps are then made to disagree (things broken
in pieces, merged with a neighbour, dropped, edges wobbling), and lifted. Told are the seconds of every stage and:
accuracy, the share of Gaussians whose segment is mostly of their label; ARI of the segments; mIoU and mBIoU of masks
from one mask, one click and one box a thing, over every fifth view. The world is z up.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from harness import deepest_pixel
from scipy import ndimage

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.cluster.cluster import cluster_splats
from splatseg.evaluate.segmentation import adjusted_rand_index, boundary_iou, iou
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.formats.read import load_splats
from splatseg.masks.segments import Segments, from_label_map
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.select.box_prompt import select_by_box
from splatseg.select.click_prompt import select_by_click
from splatseg.select.mask_prompt import select_by_mask
from splatseg.select.match import Match
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import collect_votes

ELEVATIONS = (0.35, 0.65, 0.95)
BROKEN, MERGED, DROPPED = 0.3, 0.15, 0.1
"""How often a thing is broken, merged with a neighbour, missing, in a view."""

Prompt = Callable[[Splats, Camera, np.ndarray], Match]


@dataclass
class Masks:
    """Segments by view name, as a mask store gives them."""

    segments: dict[str, Segments]

    def read(self, view: View) -> Segments | None:
        return self.segments.get(view.name)


def ring_views(splats: Splats, count: int, width: int, height: int) -> list[View]:
    """Cameras on rings around the middle of the splat, looking at it."""
    means = splats.means.numpy().astype(np.float64)
    low, high = np.percentile(means, 1, axis=0), np.percentile(means, 99, axis=0)
    centre, radius = (low + high) / 2, 0.75 * np.linalg.norm(high - low)
    K = np.array([[0.85 * width, 0, width / 2], [0, 0.85 * width, height / 2], [0, 0, 1.0]])
    views = []
    for index in range(count):
        elevation, azimuth = ELEVATIONS[index % 3], 6 * np.pi * index / count
        outward = np.array(
            [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
        )
        right = np.cross(-outward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        viewmat = np.eye(4)
        viewmat[:3, :3] = np.stack([right, np.cross(-outward, right), -outward])
        viewmat[:3, 3] = -viewmat[:3, :3] @ (centre + radius * outward)
        views.append(View(f"{index:03d}.png", Camera(viewmat, K, width, height), None))
    return views


def disturbed(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A label map in which things are broken, merged or dropped, and edges wobble."""
    joined = labels.copy()
    for thing in np.unique(labels[labels > 1]):
        if rng.random() < MERGED:
            around = np.unique(labels[ndimage.binary_dilation(labels == thing, iterations=3)])
            around = around[(around > 0) & (around != thing)]
            if len(around):
                joined[labels == thing] = rng.choice(around)
    out, count = np.zeros_like(labels), 0
    for thing in np.unique(joined[joined > 0]):
        rows, columns = np.nonzero(joined == thing)
        if rng.random() < DROPPED or len(rows) < 30:
            continue
        pieces = int(rng.integers(2, 5)) if rng.random() < BROKEN else 1
        seeds = rng.integers(0, len(rows), pieces)
        distance = (rows[:, None] - rows[seeds]) ** 2 + (columns[:, None] - columns[seeds]) ** 2
        out[rows, columns] = count + 1 + distance.argmin(1)
        count += pieces
    shift = ndimage.gaussian_filter(rng.normal(size=(2, *labels.shape)), (0, 4, 4))
    place = np.indices(labels.shape) + 1.2 * shift / shift.std()
    limits = np.array(labels.shape)[:, None, None] - 1
    y, x = np.clip(np.round(place), 0, limits).astype(int)
    return out[y, x]


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - began, 2)


def prompts(agreement: Agreement) -> dict[str, Prompt]:
    def click(splats: Splats, camera: Camera, mask: np.ndarray) -> Match:
        return select_by_click(splats, camera, deepest_pixel(mask), voted=True)

    def box(splats: Splats, camera: Camera, mask: np.ndarray) -> Match:
        rows, columns = np.nonzero(mask)
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return select_by_box(splats, camera, corners, agreement=agreement)

    def by_mask(splats: Splats, camera: Camera, mask: np.ndarray) -> Match:
        return select_by_mask(splats, camera, mask, agreement=agreement)

    return {"mask": by_mask, "click": click, "box": box}


def score(splats: Splats, views: list[View], truth: dict[str, np.ndarray], prompt: Prompt) -> tuple[float, float]:
    """(mIoU, mBIoU) over things, prompted where they are largest."""
    scores = []
    for thing in range(1, max(int(labels.max()) for labels in truth.values()) + 1):
        best = max(views, key=lambda view: int((truth[view.name] == thing).sum()))
        members = prompt(splats, best.camera, truth[best.name] == thing).members
        for view in views[::5]:
            target = truth[view.name] == thing
            if view is not best and target.sum() >= 100:
                shown = selection_mask(splats, view.camera, members)
                scores.append((iou(shown, target), boundary_iou(shown, target)))
    means = np.mean(scores, axis=0)
    return float(means[0]), float(means[1])


def run(arguments: argparse.Namespace) -> dict[str, object]:
    splats, _ = load_splats(arguments.splats)
    labels = np.load(arguments.labels).astype(np.int64) + 1
    views = ring_views(splats, arguments.views, arguments.width, arguments.height)
    labelled = splats.replace(segment_ids=torch.tensor(labels, dtype=torch.int32))
    truth = {view.name: label_map(labelled, view.camera) for view in views}
    rng = np.random.default_rng(arguments.seed)
    masks = Masks({view.name: from_label_map(disturbed(truth[view.name], rng)) for view in views})
    seconds: dict[str, float] = {}
    with timed(seconds, "votes"):
        votes = collect_votes(splats, views, masks)  # type: ignore[arg-type]
    with timed(seconds, "embedding"):
        features = embed_votes(votes)
    with timed(seconds, "filling"):
        features = fill_unseen(features, splats.means.numpy())
    splats = splats.replace(features=torch.from_numpy(features))
    with timed(seconds, "clustering"):
        agreement = Agreement(votes)
        clusters = cluster_splats(splats, votes=votes, agreement=agreement)
    splats = splats.replace(segment_ids=torch.from_numpy(clusters.ids))
    majority = np.array(
        [np.bincount(labels[clusters.ids == i], minlength=1).argmax() for i in range(len(clusters.counts) + 1)]
    )
    facts: dict[str, object] = {
        "gaussians": len(splats),
        "masks": votes.weights.shape[1],
        "votes": votes.weights.nnz,
        "seconds": seconds,
        "segments": len(clusters.counts),
        "accuracy": round(float((majority[clusters.ids] == labels).mean()), 4),
        "ari": round(adjusted_rand_index(clusters.ids[None], labels[None]), 4),
    }
    for name, prompt in prompts(agreement).items():
        with timed(seconds, f"{name} prompts and their masks"):
            miou, mbiou = score(splats, views, truth, prompt)
        facts[name] = {"miou": round(miou, 4), "mbiou": round(mbiou, 4)}
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True, help=".npy, an integer from 0 a Gaussian")
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    facts = run(parser.parse_args())
    if parser.parse_args().json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:12} {value}")


if __name__ == "__main__":
    main()
