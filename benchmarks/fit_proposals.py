"""Learns what `masks --splats` knows of boundaries and objects on a surface, and says how well it does on new scenes.

    python benchmarks/fit_proposals.py --scenes DIR ... --fits DIR [--every N] [--write]

A scene is a capture with gt/instance and gt/scene.json, fitted in a run of its name under --fits. From every N-th
training view (default 8) it takes pairs of superpixels and candidates for masks, and learns

    different    whether two superpixels belong to different objects: logistic regression on the cues of a merge
    likeness     the squared IoU of a candidate with the object that fits it best: least squares, quadratic in its
                 features [mean best IoU of objects left out: of IoU 0.709, of its square 0.721, of its cube 0.721]

each scene weighing the same. First every scene is left out once, and judged by what the others teach: average precision
of borders, with and without the surface; correlation of likeness; mean best IoU of an object of 60 pixels or more among
the 300 masks kept. --proposals DIR writes the masks of every scene's views by what the others teach into DIR/SCENE, for
`accuracy.py --proposals DIR`, and prints figures of their segments by votes (votes_figures.py): by masks alone, and
with borders from the trees that the others teach. --also DIR ... adds scenes that teach nothing. --write then learns
from all scenes and writes splatseg/masks/propose/image/learned.json.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from accuracy_scene import Scene
from PIL import Image
from votes_figures import Case, VotedScene

import splatseg.masks.propose.image as image_package
from splatseg.masks.formats.rle import runs_of_regions
from splatseg.masks.listing import RECORD_NAME
from splatseg.masks.propose.batch import mask_path
from splatseg.masks.propose.image.candidates import distinct, likeness
from splatseg.masks.propose.image.learned import FILE, Learned, Quadratic
from splatseg.masks.propose.image.merge_trees import CUES, MergeWeights, border_cues, merge_regions
from splatseg.masks.propose.image.objectness import surface_features
from splatseg.masks.propose.image.propose import (
    DEFAULTS,
    candidates_of,
    find_candidates,
    graph_of,
    likeness_on_surface,
    reduced_image,
)
from splatseg.masks.propose.image.regions import RegionGraph
from splatseg.masks.propose.mask_file import write_mask_file
from splatseg.masks.propose.proposals import Proposals, without_duplicates
from splatseg.masks.propose.settings import ProposeSettings
from splatseg.masks.propose.view_trees import trees_path, write_view_trees
from splatseg.render.rgb import render_surface
from splatseg.run.folder import open_run

IMAGE = ("edge", "contrast", "colour", "texture", "lightness", "chroma")
SURFACE = ("near_valley", "near_ridge", "far_valley", "far_ridge", "bend", "gap")
EDGES = ("edge", "contrast", "near_valley", "near_ridge", "far_valley", "far_ridge")
TREES = (
    (SURFACE, {"sprawl": 2.0, "size": 0.3, "patience": 200.0}),
    ((*IMAGE, *SURFACE), {"size": 1.0, "patience": 200.0}),
    (EDGES, {"sprawl": 2.0, "size": 0.3, "patience": 200.0}),
)
"""Cues of the trees, and what is set by hand: of 32 such trees those three that together hold the objects of seven
scenes best, chosen one after the other."""

FEWEST_PIXELS = 60
DUPLICATES = ProposeSettings().duplicates
CANDIDATES = 1500
"""Candidates of a view that are learned from, chosen by chance."""


@dataclass
class Learnt:
    """One view: its superpixels, and the objects by pixels of each."""

    graph: RegionGraph
    objects: np.ndarray
    """Pixels (R,L) of every label in every superpixel; label 0 is nothing."""
    things: np.ndarray
    """Labels of things with enough pixels."""


def views_of(scene: Path, fits: Path, every: int) -> list[Learnt]:
    """Every N-th training view of a scene."""
    run = open_run(fits / scene.name)
    splats = run.splats().replace(features=None, segment_ids=None)
    stuff = json.loads((scene / "gt" / "scene.json").read_text())["stuff"]
    found = []
    for view in run.capture.split("train")[::every]:
        truth = np.array(Image.open(scene / "gt" / "instance" / view.png_name)).astype(np.int64)
        graph = graph_of(reduced_image(view.image(), DEFAULTS.longest), render_surface(splats, view.camera).numpy())
        assert truth.shape == graph.labels.shape, "scenes larger than the proposals' limit are not supported"
        labels = int(truth.max()) + 1
        counts = np.bincount(graph.labels.ravel() * labels + truth.ravel(), minlength=graph.count * labels)
        objects = counts.reshape(graph.count, labels).astype(np.float32)
        large = np.flatnonzero(objects.sum(0) >= FEWEST_PIXELS)
        found.append(Learnt(graph, objects, np.setdiff1d(large, [0, *stuff])))
    return found


def borders(view: Learnt) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cues (E,15) of all pairs, whether they are of different objects (E,), and their lengths (E,)."""
    of_region = view.objects.argmax(1)
    a, b = view.graph.pairs.T
    return border_cues(view.graph), (of_region[a] != of_region[b]).astype(float), view.graph.lengths


def logistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights (F+1,) of a logistic regression, the last of 1; Newton's method, slightly ridged."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found = np.zeros(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-(x @ found)))
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x / weights.sum() + 1e-3 * np.eye(len(found))
        found = found + np.linalg.solve(hessian, x.T @ (weights * (y - p)) / weights.sum() - 1e-3 * found)
    return found


def weights_of(scenes: list[list[Learnt]], names: tuple[str, ...], by_hand: dict[str, float]) -> MergeWeights:
    """Learn the probability that two regions are of different objects from some cues."""
    parts = [[borders(view) for view in views] for views in scenes]
    x = np.concatenate([part[0] for views in parts for part in views])
    y = np.concatenate([part[1] for views in parts for part in views])
    lengths = [np.concatenate([part[2] for part in views]) for views in parts]
    shares = np.concatenate([of_scene / of_scene.sum() for of_scene in lengths])
    found = logistic(x[:, [CUES.index(name) for name in names]], y, shares)
    weights = {name: round(float(w), 3) for name, w in zip(names, found, strict=False)}
    return MergeWeights(**weights, bias=round(float(found[-1]), 3), **by_hand)


def precision(view_parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], weights: MergeWeights) -> float:
    """Average precision of borders between objects, weighted by their lengths."""
    x, y, lengths = (np.concatenate(part) for part in zip(*view_parts, strict=True))
    order = np.argsort(-(x @ [getattr(weights, name) for name in CUES]))
    hits, all_of = np.cumsum((y * lengths)[order]), np.cumsum(lengths[order])
    return float((hits / all_of * (y * lengths)[order]).sum() / (y * lengths).sum())


def best_ious(view: Learnt, members: np.ndarray) -> np.ndarray:
    """IoU (C,L) of candidates with all labels; that with 0 is 0."""
    shared = members.astype(np.float32) @ view.objects
    found = shared / (shared.sum(1, keepdims=True) + view.objects.sum(0) - shared)
    found[:, 0] = 0
    return found


def likeness_of(scenes: list[list[Learnt]], trees: tuple[MergeWeights, ...], different: MergeWeights) -> Quadratic:
    """Learn the squared IoU of candidates with the object that fits them best."""
    rng = np.random.default_rng(0)
    x, y, shares = [], [], []
    for views in scenes:
        for view in views:
            members = candidates_of(view.graph, DEFAULTS, [merge_regions(view.graph, tree) for tree in trees])
            members = members[np.sort(rng.permutation(len(members))[:CANDIDATES])]
            x.append(surface_features(view.graph, members, different))
            y.append(best_ious(view, members).max(1) ** 2)
            shares.append(np.full(len(members), 1 / len(members) / len(views)))
    x, y, shares = np.concatenate(x), np.concatenate(y), np.concatenate(shares)
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / deviation
    i, j = np.triu_indices(x.shape[1])
    x = np.concatenate([x, x[:, i] * x[:, j], np.ones((len(x), 1))], axis=1)
    gram = (x * shares[:, None]).T @ x / shares.sum() + 1e-4 * np.eye(x.shape[1])
    found = np.linalg.solve(gram, (x * shares[:, None]).T @ y / shares.sum())
    return Quadratic(mean.round(5), deviation.round(6), found.round(6))


def learn(scenes: list[list[Learnt]]) -> Learned:
    """Learn all from some scenes."""
    trees = tuple(weights_of(scenes, *tree) for tree in TREES)
    different = replace(trees[1], size=0.0, patience=0.0)
    return Learned(trees, different, likeness_of(scenes, trees, different))


def held(view: Learnt, members: np.ndarray, scores: np.ndarray) -> float:
    """Mean over things of the best IoU among the masks that are kept."""
    kept = members[distinct(view.graph, members, scores, DEFAULTS.overlap, DEFAULTS.most)]
    return float(best_ious(view, kept)[:, view.things].max(0).mean())


def judged(left: list[Learnt], known: Learned, by_image: MergeWeights) -> dict[str, float]:
    """Figures of a scene by what other scenes teach. by_image: of borders, by the image alone."""
    parts = [borders(view) for view in left]
    correlations, with_surface, without = [], [], []
    for view in left:
        members = candidates_of(view.graph, DEFAULTS, [merge_regions(view.graph, tree) for tree in known.trees])
        scores = likeness_on_surface(view.graph, members, known)
        correlations.append(np.corrcoef(scores, best_ious(view, members).max(1))[0, 1])
        with_surface.append(held(view, members, scores))
        plain = candidates_of(view.graph, DEFAULTS)
        without.append(held(view, plain, likeness(view.graph, plain)))
    return {
        "borders by image": precision(parts, by_image),
        "with surface": precision(parts, known.different),
        "likeness r": float(np.mean(correlations)),
        "best IoU by image": float(np.mean(without)),
        "best IoU with surface": float(np.mean(with_surface)),
    }


def propose(fitted: Path, folder: Path, known: Learned) -> None:
    """Write the masks of a scene's training views as the product does, but by what is known."""
    run = open_run(fitted)
    splats = run.splats().replace(features=None, segment_ids=None)
    folder.mkdir(parents=True, exist_ok=True)
    for view in run.capture.split("train"):
        depth = render_surface(splats, view.camera).numpy()
        found = find_candidates(view.image(), DEFAULTS, depth, known)
        proposals = Proposals(*found.labels.shape, runs_of_regions(found.members, found.labels), found.scores)
        write_mask_file(mask_path(folder, view), view.name, without_duplicates(proposals, DUPLICATES), "score")
        assert found.trees is not None
        write_view_trees(trees_path(folder, view), found.trees)
    (folder / RECORD_NAME).write_text(json.dumps({"generator": "fit_proposals.py", "views": {}}))


def print_by_votes(scene: Scene, all_of: dict[str, list[dict[str, float]]]) -> None:
    """Print figures of a scene's segments by masks alone and with borders, and add them to those of all scenes."""
    case = Case(VotedScene(scene), "proposals", 0)
    for way, with_borders in (("masks alone", False), ("and borders", True)):
        figures = case.of_segments(with_borders)
        all_of[way].append(figures)
        text = "  ".join(f"{key} {value:.3f}" for key, value in figures.items())
        print(f"{scene.path.name:12} {way:12}", text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", type=Path, required=True)
    parser.add_argument("--fits", type=Path, required=True)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--proposals", type=Path)
    parser.add_argument("--also", nargs="+", type=Path, default=[])
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    scenes = {scene.name: views_of(scene, args.fits, args.every) for scene in args.scenes}
    rows, by_votes = [], defaultdict(list)
    for name, left in scenes.items():
        others = [views for other, views in scenes.items() if other != name]
        known = learn(others)
        if args.proposals:
            propose(args.fits / name, args.proposals / name, known)
            places = {path.name: path for path in args.scenes}
            print_by_votes(Scene.load(places[name], args.fits, args.fits / name, 0, args.proposals), by_votes)
        figures = judged(left, known, weights_of(others, IMAGE, {}))
        rows.append(list(figures.values()))
        print(f"{name:12}", "  ".join(f"{key} {value:.3f}" for key, value in figures.items()), flush=True)
        keys = list(figures)
    print(f"{'mean':12}", "  ".join(f"{key} {value:.3f}" for key, value in zip(keys, np.mean(rows, 0), strict=True)))
    for path in args.also if args.proposals else []:
        propose(args.fits / path.name, args.proposals / path.name, learn(list(scenes.values())))
        print_by_votes(Scene.load(path, args.fits, args.fits / path.name, 0, args.proposals), by_votes)
    for way, found in by_votes.items():
        means = {key: np.mean([of_scene[key] for of_scene in found]) for key in found[0]}
        print(f"{'mean':12} {way:12}", "  ".join(f"{key} {value:.3f}" for key, value in means.items()))
    if args.write:
        known = learn(list(scenes.values()))
        plain = {
            "scenes": sorted(scenes),
            "trees": [asdict(tree) for tree in known.trees],
            "different": asdict(known.different),
            "likeness": {key: value.tolist() for key, value in vars(known.likeness).items()},
        }
        path = Path(image_package.__path__[0]) / FILE
        path.write_text(json.dumps(plain) + "\n", encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
