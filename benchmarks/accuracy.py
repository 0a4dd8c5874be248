"""How well objects are found on frozen geometry: scenes x masks x methods, with the ceiling in every row.

    python benchmarks/accuracy.py --scenes DIR [DIR ...] --work DIR [--quick] [--pictures]
    python benchmarks/accuracy.py --family DATA [--work DIR] [--fits DIR]
    python benchmarks/accuracy.py --scene DIR --masks NAME --method lift|contrast|paper --seed S --work DIR --json

A scene is a capture with gt/instance, gt/scene.json and folders of masks. Its geometry is fitted once with the defaults
(kept in --work; --run RUN takes that of a finished run) and never changes after. NAME is `clean` (the true instances)
or a folder of the scene, with disturbances appended: `masks_sim,drop=0.3,merge=0.2,views=16` drops each mask with
probability 0.3, joins it to its neighbour with probability 0.2, and keeps masks of 16 evenly spread training views;
`big=1` adds to every view one mask, the convex hull of all things in it. `true=3` gives the true instances of 3 evenly
spread training views as true masks. `scores=1` weighs every mask by its score; `scores=shuffled`, the control, by the
score of another mask of its view.

Every object is prompted by its true mask in one training view (evaluate/protocols/prompted.py) and by one click at the
deepest pixel of that mask; mIoU and mBIoU over things in held-out views. `box` prompts by the box around that mask,
`three` by clicks into its three deepest places, `level` by the click at the level (`select/levels.py`) that the true
masks in the held-out views prefer. `ceiling` renders Gaussians labelled by the
votes of the true masks of all training views: what this geometry can give. `node` is the best node of the hierarchy for
every object, chosen by its true masks in the held-out views: is the object there at all? ARI and panoptic quality
compare the automatic segments with the truth over all held-out pixels, as one labelling; `things` leaves out pixels of
floor and walls.

--family runs the five scenes of DATA/family and DATA/tabletop, demo with every folder of masks they have and their
disturbances (DISTURBED); --fits DIR holds finished runs by the scenes' names, which are fitted otherwise.
--one-cut leaves out the second cut of atoms (cluster/finer_cut.py).
--refine adds a row for every row of `lift`: boundaries refined (splatseg/refine), with the ceiling of the refined
geometry, held-out PSNR before and after, and how many Gaussians were split and adjusted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from harness import deepest_pixel, deepest_pixels, disturbed_map
from PIL import Image
from skimage.morphology import convex_hull_image

from splatseg import Camera, CaptureSettings, RunSettings, Splats, View, cluster_splats, start_run, train_run
from splatseg.cli.console import Terminal
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.evaluate.images import score_image
from splatseg.evaluate.protocols.prompted import ProtocolResult, run_protocol
from splatseg.evaluate.segmentation import adjusted_rand_index, panoptic_quality
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.fit import fit_paper_features
from splatseg.features.paper.settings import PaperSettings
from splatseg.masks.segments import Segments, from_label_map, from_masks, together
from splatseg.masks.store import open_masks
from splatseg.refine.atoms import inherited_atoms
from splatseg.refine.refine import refine_boundaries
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.render.overlays import overlay_segments
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import Run, open_run
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import levels_of_click, select_by_prompts
from splatseg.select.session import Session
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

MASKS = ("clean", "masks_sim", "masks_nested", "masks_sim,drop=0.3", "masks_sim,drop=0.6", "masks_sim,merge=0.2")
DISTURBED = ("", ",drop=0.3", ",merge=0.2", ",big=1", ",views=8", ",views=16", ",true=3")
FEW = ("masks_sim,views=8", "masks_sim,views=16", "masks_sim,views=32")
METHODS = ("lift", "contrast", "paper")


@dataclass
class Masks:
    """What `collect_votes` reads: segments by view name."""

    segments: dict[str, Segments]
    scored: bool = False
    """Masks are weighed by their scores."""

    def read(self, view: View) -> Segments | None:
        return self.segments.get(view.name)


@dataclass
class Scene:
    """A capture with ground truth and a fitted splat without features."""

    path: Path
    run: Run
    splats: Splats
    truth: Truth

    @classmethod
    def load(cls, path: Path, work: Path, fitted: Path | None, seed: int) -> Scene:
        if fitted is None:
            settings = RunSettings.of(CaptureSettings(str(path.absolute())), seed=seed)
            run = start_run(work / f"{path.name}-{seed}", settings, resume=True)
            train_run(run, Terminal())
        else:
            run = open_run(fitted)
        splats = run.splats().replace(features=None, segment_ids=None)
        return cls(path, run, splats, read_truth(path / "gt" / "instance", run.capture.views))

    def names(self, split: str) -> list[str]:
        return [view.name for view in self.run.capture.split(split)]

    def masks(self, name: str, seed: int) -> Masks:
        folder, *changes = name.split(",")
        texts = dict(text.split("=") for text in changes)
        scores = texts.pop("scores", None)
        change = {key: float(value) for key, value in texts.items()}
        views = self.run.capture.split("train")
        if "views" in change:
            views = [views[i] for i in np.linspace(0, len(views) - 1, int(change["views"])).round().astype(int)]
        rng = np.random.default_rng(seed)
        store = None if folder == "clean" else open_masks(self.path / folder, views)
        found = {}
        for view in views:
            segments = from_label_map(self.truth.label_maps[view.name]) if store is None else store.read(view)
            if segments is not None:
                found[view.name] = _disturbed(segments, rng, change.get("drop", 0.0), change.get("merge", 0.0))
                if change.get("big"):
                    labels = self.truth.label_maps[view.name]
                    things = ~np.isin(labels, [0, *self.truth.stuff])
                    found[view.name] = _with_mask(found[view.name], convex_hull_image(things))
                if scores == "shuffled":
                    of_view = found[view.name]
                    found[view.name] = dataclasses.replace(of_view, scores=rng.permutation(of_view.scores))
        if "true" in change:
            for i in np.linspace(0, len(views) - 1, int(change["true"]) + 2)[1:-1].round().astype(int):
                name = views[i].name
                found[name] = together([from_label_map(self.truth.label_maps[name])], [np.inf])
        return Masks(found, scores is not None)


def _disturbed(segments: Segments, rng: np.random.Generator, drop: float, merge: float) -> Segments:
    if not drop and not merge:
        return segments
    masks = _masks_of([disturbed_map(layer, rng, drop, merge) for layer in segments.layers])
    return from_masks(np.array(masks).reshape(len(masks), segments.height, segments.width))


def _with_mask(segments: Segments, mask: np.ndarray) -> Segments:
    return from_masks(np.array([*_masks_of(segments.layers), mask]))


def _masks_of(layers: Iterable[np.ndarray]) -> list[np.ndarray]:
    return [layer == i for layer in layers for i in np.unique(layer[layer > 0])]


def features_of(
    scene: Scene, masks: Masks, method: str, seed: int, one_cut: bool
) -> tuple[Splats, Knowledge, dict[str, float]]:
    """The splat with features and segments, what its masks say of it, and the seconds of each part."""
    votes, agreement = None, None
    seconds, began = {}, time.perf_counter()
    views = scene.run.capture.split("train")
    if method == "paper":
        splats = fit_paper_features(scene.splats, views, masks, PaperSettings(seed=seed))
        seconds["features"] = time.perf_counter() - began
    else:
        votes = collect_votes(scene.splats, views, masks)
        scores = scores_of(votes, masks) if masks.scored else None
        votes = votes if scores is None else dataclasses.replace(votes, weight_of=scores)
        seconds["votes"] = time.perf_counter() - began
        if method == "contrast":
            splats = fit_contrast_features(scene.splats, views, masks, votes, ContrastSettings(seed=seed))
        else:
            features = fill_unseen(embed_votes(votes, EmbedSettings(seed=seed)), scene.splats.means.numpy())
            splats = scene.splats.replace(features=torch.from_numpy(features))
        agreement = Agreement(votes) if scores is None else Scored(votes, scores)
        seconds["embedding" if method == "lift" else "training"] = time.perf_counter() - began - seconds["votes"]
    began = time.perf_counter()
    clusters = cluster_splats(splats, votes=None if one_cut else votes, agreement=agreement)
    seconds["clustering"] = time.perf_counter() - began
    splats = splats.replace(segment_ids=torch.from_numpy(clusters.ids))
    return splats, Knowledge(agreement, clusters.hierarchy), seconds


def scores_of(votes: Votes, masks: Masks) -> np.ndarray:
    """The score (M,) of every mask, relative to the highest."""
    of_masks = [masks.segments[votes.views[v]].scores[i - 1] for v, i in zip(votes.view_of, votes.id_of, strict=True)]
    scores = np.array(of_masks, dtype=np.float32)
    return np.maximum(scores / scores.max(), 1e-3)


class Scored(Agreement):
    """An agreement in which a mask overlaps sets the less the lower its score is."""

    def __init__(self, votes: Votes, scores: np.ndarray) -> None:
        super().__init__(dataclasses.replace(votes, weight_of=None))
        self._scores = scores

    def overlaps(self, inside: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return super().overlaps(inside, seen) * self._scores


def true_votes(scene: Scene, split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For every view of a split, the labels present (P,), 0 = no object, and the votes (N,P) of their true masks."""
    maps = {name: scene.truth.label_maps[name] for name in scene.names(split)}
    # What is none of the objects votes too, or what shines through edges would count as objects.
    raised = Masks({name: from_label_map(labels + 1) for name, labels in maps.items()})
    votes = collect_votes(scene.splats, scene.run.capture.split(split), raised)
    for view, name in enumerate(votes.views):
        # Ids close up: column j is the j-th label present.
        yield np.unique(maps[name]), votes.weights[:, np.flatnonzero(votes.view_of == view)].toarray()


def ceiling(scene: Scene) -> tuple[ProtocolResult, np.ndarray]:
    """The protocol with members given by the true masks' votes; and the label of every Gaussian (N,)."""
    ids = np.array([0, *scene.truth.ids])
    summed = np.zeros((len(scene.splats), len(ids)), dtype=np.float32)
    for present, weights in true_votes(scene, "train"):
        summed[:, np.searchsorted(ids, present)] += weights
    label = ids[summed.argmax(1)]
    views = scene.run.capture.split("test")

    def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        found = scene.truth.label_maps[view_name][mask][0]
        return {view.name: selection_mask(scene.splats, view.camera, label == found) for view in views}

    return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select), label


def best_nodes(scene: Scene, splats: Splats, hierarchy: Hierarchy) -> ProtocolResult:
    """The protocol with the node of the hierarchy that fits the object's true masks in the held-out views best.

    It is chosen by IoU of blending weights, as `votes.agreement` computes it, and judged by its rendered masks.
    """
    ids = np.array([0, *scene.truth.ids])
    views = scene.run.capture.split("test")
    overlaps = np.zeros((len(hierarchy.parents), len(ids)))
    for present, weights in true_votes(scene, "test"):
        shared = np.stack([hierarchy.tally(weights[:, column]) for column in range(weights.shape[1])], axis=1)
        unions = shared.sum(1)[:, None] + weights.sum(0)[None] - shared
        # Views in which an object is seen count by its pixels.
        overlaps[:, np.searchsorted(ids, present)] += shared / np.maximum(unions, 1e-9) * weights.sum(0)
    overlaps[0] = 0.0

    def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        found = scene.truth.label_maps[view_name][mask][0]
        members = hierarchy.members(int(overlaps[:, np.searchsorted(ids, found)].argmax()))
        return {view.name: selection_mask(splats, view.camera, members) for view in views}

    return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select)


def prompted(scene: Scene, splats: Splats, knowledge: Knowledge, kind: str) -> ProtocolResult:
    """The protocol with a mask, a box, a click, three clicks or a click at its best level in the prompt's view."""
    views = scene.run.capture.split("test")
    session = Session(splats)

    def prompts(camera: Camera, mask: np.ndarray) -> list[list[Prompt]]:
        """Each list is asked together; of several lists the best by the held-out views counts."""
        click = Prompt(camera, click=deepest_pixel(mask))
        if kind == "level" and knowledge.hierarchy is not None:
            with suppress(PromptError):
                levels = levels_of_click(session, click, knowledge)
                return [[dataclasses.replace(click, level=level + 1)] for level in range(len(levels))]
        if kind == "three":
            return [[Prompt(camera, click=pixel) for pixel in deepest_pixels(mask, 3)]]
        if kind == "box":
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            x0, y0, x1, y1 = (int(side) for side in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
            return [[Prompt(camera, box=(x0, y0, x1, y1))]]
        return [[Prompt(camera, mask=mask) if kind == "mask" else click]]

    def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        found = scene.truth.label_maps[view_name][mask][0]
        camera = scene.run.capture.view(view_name).camera
        tried = [select_by_prompts(session, one, knowledge).members for one in prompts(camera, mask)]
        shown = [{view.name: selection_mask(splats, view.camera, members) for view in views} for members in tried]
        return max(shown, key=lambda masks: _mean_iou(masks, scene.truth.label_maps, found))

    return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select)


def _mean_iou(masks: Mapping[str, np.ndarray], label_maps: Mapping[str, np.ndarray], label: int) -> float:
    pairs = [(mask, label_maps[name] == label) for name, mask in masks.items()]
    return float(
        np.mean([(mask & true).sum() / max((mask | true).sum(), 1) for mask, true in pairs if true.any()] or [0])
    )


def automatic(scene: Scene, splats: Splats, pictures: Path | None) -> dict[str, float]:
    """ARI and panoptic quality of the segments over all held-out pixels."""
    pred, target = [], []
    for view in scene.run.capture.split("test"):
        labels = label_map(splats, view.camera)
        pred.append(labels)
        target.append(scene.truth.label_maps[view.name])
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(overlay_segments(view.image(), labels)).save(pictures / view.png_name.replace("/", "_"))
    found, true = np.concatenate(pred), np.concatenate(target)
    stuff = (0, *scene.truth.stuff)
    quality = panoptic_quality(found, true, ignore=stuff)
    return {
        "ari": adjusted_rand_index(found, true),
        "ari_things": adjusted_rand_index(found, true, ignore=stuff),
        "pq_things": quality.pq,
        "spurious": int(quality.spurious),
        "missed": int(quality.missed),
        "segments": int(splats.segment_ids.max()) if splats.segment_ids is not None else 0,
    }


def rows(
    scene: Scene,
    top: ProtocolResult,
    masks: str,
    method: str,
    seed: int,
    pictures: Path | None,
    refine: bool,
    one_cut: bool,
) -> list[dict]:
    """All figures of one scene, mask set, method and seed; with `refine` once more for refined boundaries."""
    name = {"scene": scene.path.name, "masks": masks, "method": method, "seed": seed}
    try:
        splats, knowledge, seconds = features_of(scene, scene.masks(masks, seed), method, seed, one_cut)
    except PromptError as error:
        return [name | {"error": str(error)}]
    found = [name | figures(scene, splats, knowledge, top, seconds, pictures)]
    if refine and knowledge.agreement is not None and knowledge.hierarchy is not None:
        began = time.perf_counter()
        background = scene.run.settings.train.background
        views = scene.run.capture.split("train")
        result = refine_boundaries(splats, views, scene.masks(masks, seed), None, background)
        seconds = {"refining": time.perf_counter() - began}
        atoms = inherited_atoms(knowledge.hierarchy.atoms, result.parent, splats, result.splats)
        known = Knowledge(Agreement(result.votes), dataclasses.replace(knowledge.hierarchy, atoms=atoms))
        changed = dataclasses.replace(scene, splats=result.splats.replace(features=None, segment_ids=None))
        facts = name | {"method": "refine", "split": result.split, "adjusted": int(result.moved.sum())}
        facts |= {"psnr_before": held_out_psnr(scene), "psnr": held_out_psnr(changed)}
        after = figures(changed, result.splats, known, ceiling(changed)[0], seconds, pictures)
        found.append({key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()})
        found[-1] |= after
    return found


def held_out_psnr(scene: Scene) -> float:
    """Mean PSNR (dB) of the held-out views."""
    background = scene.run.settings.train.background
    views = scene.run.capture.split("test")
    renders = [to_uint8(render_rgb(scene.splats, view.camera, background)) for view in views]
    return float(np.mean([score_image(v.name, r, v.image()).psnr for v, r in zip(views, renders, strict=True)]))


def figures(
    scene: Scene,
    splats: Splats,
    knowledge: Knowledge,
    top: ProtocolResult,
    seconds: dict[str, float],
    pictures: Path | None,
) -> dict:
    """What is measured of a splat with features and segments."""
    facts: dict = {"gaussians": len(splats), "ceiling_miou": top.miou, "ceiling_mbiou": top.mbiou}
    ceilings = {score.prompt.id: score.iou for score in (*top.things, *top.stuff)}
    for kind in ("mask", "click", "box", "three", "level"):
        result = prompted(scene, splats, knowledge, kind)
        facts |= {f"{kind}_miou": result.miou, f"{kind}_mbiou": result.mbiou}
        facts[f"{kind}_of_ceiling"] = float(np.mean([s.iou for s in result.things])) / (top.miou or 1.0)
        if result.stuff:
            facts[f"{kind}_stuff"] = float(np.mean([s.iou for s in result.stuff]))
        facts[f"{kind}_objects"] = {
            s.name: [round(s.iou, 3), round(ceilings[s.prompt.id], 3)] for s in (*result.things, *result.stuff)
        }
    if knowledge.hierarchy is not None:
        nodes = best_nodes(scene, splats, knowledge.hierarchy)
        facts["node_of_ceiling"] = float(np.mean([s.iou for s in nodes.things])) / (top.miou or 1.0)
    facts |= automatic(scene, splats, pictures)
    facts["seconds"] = {name: round(value, 2) for name, value in seconds.items()}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}


COLUMNS = ("ceiling_miou", "ceiling_mbiou", "mask_miou", "mask_mbiou", "mask_of_ceiling", "click_miou")
COLUMNS += (
    "click_of_ceiling",
    "level_of_ceiling",
    "three_of_ceiling",
    "box_of_ceiling",
    "node_of_ceiling",
    "mask_stuff",
    "click_stuff",
    "ari",
    "ari_things",
    "pq_things",
    "segments",
)


def line(facts: dict) -> str:
    figures = "".join(f"{facts.get(name, float('nan')):>18.3f}" for name in COLUMNS)
    return f"{facts['scene']:12}{facts['masks']:24}{facts['method']:9}{figures}   {facts.get('seconds', '')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scenes", "--scene", type=Path, nargs="+")
    which.add_argument("--family", type=Path, metavar="DATA", help="family, tabletop and demo in DATA, all masks")
    parser.add_argument("--fits", type=Path, help="finished runs by the scenes' names, whose geometry to take")
    parser.add_argument("--work", type=Path, required=True, help="fitted geometry, results.jsonl and pictures")
    parser.add_argument("--run", type=Path, help="a finished run of the (one) scene whose geometry to take")
    parser.add_argument("--masks", nargs="+")
    parser.add_argument("--method", "--methods", nargs="+", default=["lift"], choices=METHODS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--refine", action="store_true", help="a second row with refined boundaries")
    parser.add_argument("--one-cut", action="store_true", help="without the second cut of atoms")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    scenes, wanted = args.scenes, args.masks or [*MASKS, *FEW]
    if args.family is not None:
        scenes = [*sorted((args.family / "family").iterdir()), args.family / "tabletop", args.family / "demo"]
        folders = ("masks_sam", "masks_sim", "masks_nested")
        wanted = args.masks or [folder + change for folder in folders for change in DISTURBED]
    if not args.json:
        print(f"{'scene':12}{'masks':24}{'method':9}" + "".join(f"{name:>18}" for name in COLUMNS))
    for path in scenes:
        fitted = args.run if args.fits is None else args.fits / path.name
        scene = Scene.load(path, args.work, fitted, args.seed)
        top, label = ceiling(scene)
        if not args.json:
            labelled = scene.splats.replace(segment_ids=torch.from_numpy(label.astype(np.int32)))
            print(f"ceiling of {path.name}: ARI {automatic(scene, labelled, None)['ari']:.3f}")
        for masks in wanted:
            if masks.split(",")[0] != "clean" and not (path / masks.split(",")[0]).is_dir():
                continue
            for method in args.method:
                place = args.work / "pictures" / path.name / masks / method if args.pictures else None
                for facts in rows(scene, top, masks, method, args.seed, place, args.refine, args.one_cut):
                    with (args.work / "results.jsonl").open("a") as file:
                        file.write(json.dumps(facts) + "\n")
                    print(json.dumps(facts) if args.json else line(facts), flush=True)


if __name__ == "__main__":
    main()
