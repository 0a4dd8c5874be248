"""What each part of the contrastive training does: scenes x seeds x variants, on the geometry of finished runs.

    python benchmarks/ablation.py --table losses|dimension|masks|views --scene DIR [DIR ...] --run RUN [RUN ...]
        --work DIR [--masks masks_sim] [--methods lift contrast paper] [--seeds 0 1 2] [--share S] [--proposals DIR]
    python benchmarks/ablation.py --scene DIR [DIR ...] --run RUN [RUN ...] --work DIR
        [--masks masks_sim] [--seeds 0 1 2] [--variants NAME ...] [--share S]

The first prints tables in the form of the paper's, in markdown (ablation_tables.py); the second takes parts away.

Geometry is frozen and the same for all variants (--runs, one a scene; without it, it is fitted as by accuracy.py).
Columns: mIoU and mBIoU over things, mask prompts in training views, held-out views: by features alone, the threshold
chosen by the prompt, and with the votes of all masks (for the paper's features too, which have none of their own).
Outliers: Gaussians that a prompt selects at one fixed similarity (--similarity 0.6) and that truly, by the votes of the
true masks, belong to another object: their number, and their share of what is selected (the paper's Figure 4).
--share scales the steps of the paper's own method, which takes by far the longest; in tables those of `contrast` too.

Prints a row a scene, seed and variant, then the means over seeds; appends JSON lines to ablation.jsonl in --work.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ablation_tables import METHODS, TABLES, run_table, settings_of
from accuracy_prompts import prompted
from accuracy_scene import Masks, Scene, ceiling

from splatseg import Splats
from splatseg.errors import PromptError
from splatseg.evaluate.protocols.prompted import prompts_of
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.contrast.initial_features import compressed
from splatseg.features.contrast.sampling import SampledViews
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.fit import PaperObjective, fit_paper_features
from splatseg.features.paper.loss import clustering_loss
from splatseg.features.paper.settings import PaperSettings
from splatseg.features.paper.spatial import spatial_loss
from splatseg.raster.interface import rasterize_pixels
from splatseg.select.knowledge import Knowledge
from splatseg.select.mask_prompt import select_by_mask
from splatseg.train.fit import view_of_step
from splatseg.train.optimiser import Optimiser
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

PARTS: dict[str, dict] = {
    "full": {},
    "start from noise": {"start": "noise"},
    "no shared prototypes": {"cross_view": False},
    "masks discounted": {"discount_masks": True},
    "pixels discounted": {"discount_pixels": 0.5},
    "both discounted": {"discount_masks": True, "discount_pixels": 0.5},
    "no spatial term": {"spatial_weight": 0.0},
    "not stratified": {"stratified": False},
    "masks count alike": {"area_power": 0.0},
    "flattened": {"nested": False},
    "1,800 steps": {"iterations": 1800},
    "none of ours": {
        "start": "noise",
        "cross_view": False,
        "spatial_weight": 0.0,
        "area_power": 0.0,
    },
    "none of ours, 3 x": {
        "start": "noise",
        "cross_view": False,
        "spatial_weight": 0.0,
        "area_power": 0.0,
        "iterations": 1800,
        "travel": 90.0,
    },
}
"""Changes of `ContrastSettings` by the name of the variant."""

EMBEDDED = ("lift, 64", "lift, 16 by PCA", "lift, 16 by SVD")
PAPER_ON_PIXELS: dict[str, dict] = {"paper's on pixels": {}, "the same, no spatial": {"spatial": False}}
PAPER: dict[str, dict] = {"paper": {}, "paper, no spatial term": {"spatial": False}}


@dataclass
class Case:
    """One scene, set of masks and seed: what all variants share."""

    scene: Scene
    masks: Masks
    votes: Votes
    seed: int
    share: float

    def features(self, variant: str) -> Splats:
        splats, views = self.scene.splats, self.scene.run.capture.split("train")
        if variant in PARTS:
            settings = ContrastSettings(seed=self.seed, **PARTS[variant])
            return fit_contrast_features(splats, views, self.masks, self.votes, settings)
        if variant in PAPER:
            settings = PaperSettings(seed=self.seed, **PAPER[variant])
            # Fewer steps at the same intervals: fewer uses of each term.
            settings = dataclasses.replace(settings, iterations=int(settings.iterations * self.share))
            return fit_paper_features(splats, views, self.masks, settings)
        if variant in PAPER_ON_PIXELS:
            return self.paper_on_pixels(PaperSettings(seed=self.seed, min_pixels=4, **PAPER_ON_PIXELS[variant]))
        found = embed_votes(self.votes, EmbedSettings(seed=self.seed, dimensions=16 if variant == EMBEDDED[2] else 64))
        if variant == EMBEDDED[1]:
            found = compressed(found, 16, self.seed)
        return splats.replace(features=torch.from_numpy(fill_unseen(found, splats.means.numpy())))

    def paper_on_pixels(self, settings: PaperSettings) -> Splats:
        """The paper's losses, as many uses of each, on pixels sampled evenly, as ours are; the sum over pixels is that
        of the whole view."""
        views = self.scene.run.capture.split("train")
        plain = ContrastSettings(seed=self.seed, stratified=False, nested=False)
        counts = np.ones(self.votes.weights.shape[1], bool)
        sampled = SampledViews(self.scene.splats, views, self.masks, self.votes, counts, plain)
        start = PaperObjective(self.masks, settings).initial_features(len(self.scene.splats))
        optimiser = Optimiser({"features": start})
        steps, rates = settings.iterations // settings.clustering_every, {"features": settings.learning_rate}
        camera = views[0].camera
        for step in range(1, steps + 1):
            # Between two losses momentum goes on, as in the official code.
            optimiser.steps += settings.clustering_every - 1
            optimiser.idle["features"] = settings.clustering_every - 1
            optimiser.catch_up(rates)
            features = optimiser.parameters["features"]
            sample = sampled.next(view_of_step(step - 1, len(sampled), self.seed))
            whole = camera.width * camera.height / len(sample.masks)
            loss = whole * clustering_loss(rasterize_pixels(sample.plan, features), sample.masks + 1, settings)
            if settings.spatial and step % (settings.spatial_every // settings.clustering_every) == 0:
                rng = np.random.default_rng([self.seed, step])
                loss = loss + spatial_loss(self.scene.splats.means, features, settings, rng)
            loss.backward()
            optimiser.step(rates)
        return self.scene.splats.replace(features=optimiser.parameters["features"].detach().clone())


def outliers(scene: Scene, splats: Splats, label: np.ndarray, similarity: float) -> tuple[int, float]:
    """Gaussians selected at a fixed similarity that belong to another object, summed over things; and their share."""
    wrong = selected = 0
    for prompt in prompts_of(scene.truth, scene.names("train"), scene.names("test")):
        if prompt.id in scene.truth.stuff:
            continue
        mask = scene.truth.label_maps[prompt.view] == prompt.id
        try:
            camera = scene.run.capture.view(prompt.view).camera
            members = select_by_mask(splats, camera, mask, threshold=similarity).members
        except PromptError:
            continue
        wrong += int((members & (label != prompt.id) & (label > 0)).sum())
        selected += int(members.sum())
    return wrong, wrong / max(selected, 1)


def row(case: Case, variant: str, label: np.ndarray, similarity: float) -> dict:
    """All figures of one variant."""
    began = time.perf_counter()
    splats = case.features(variant)
    seconds = time.perf_counter() - began
    alone = prompted(case.scene, splats, None, "mask")
    voted = prompted(case.scene, splats, Knowledge(Agreement(case.votes)), "mask")
    wrong, share = outliers(case.scene, splats, label, similarity)
    facts: dict = {"scene": case.scene.path.name, "seed": case.seed, "variant": variant}
    facts |= {"miou": alone.miou, "mbiou": alone.mbiou, "voted_miou": voted.miou, "voted_mbiou": voted.mbiou}
    facts |= {"outliers": wrong, "outlier_share": share, "seconds": seconds}
    facts |= {"objects": {score.name: round(score.iou, 3) for score in (*alone.things, *alone.stuff)}}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}


COLUMNS = ("miou", "mbiou", "voted_miou", "voted_mbiou", "outliers", "outlier_share", "seconds")


def line(scene: str, seed: str, variant: str, value: Callable[[str], float]) -> str:
    figures = "".join(f"{value(name):>14.0f}" if name == "outliers" else f"{value(name):>14.3f}" for name in COLUMNS)
    return f"{scene:10}{seed:5}{variant:26}{figures}"


def tables(args: argparse.Namespace) -> None:
    """Run and print tables in the form of the paper's."""
    runs = args.runs or [None] * len(args.scenes)
    scenes = [Scene.load(path, args.work, run, 0) for path, run in zip(args.scenes, runs, strict=True)]
    for table in args.table:
        methods = args.methods or (METHODS if table in ("losses", "dimension") else METHODS[:2])
        settings = settings_of(table, methods, args.masks, args.proposals)
        print(f"\n{run_table(table, scenes, settings, args.seeds, args.share, args.work / 'tables.jsonl')}", flush=True)


def main() -> None:
    every = [*EMBEDDED, *PARTS, *PAPER_ON_PIXELS, *PAPER]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", "--scene", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", "--run", type=Path, nargs="+", default=[])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--masks", default="masks_sim")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", default=every, choices=every)
    parser.add_argument("--similarity", type=float, default=0.6)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--table", nargs="+", choices=TABLES, help="tables in the form of the paper's")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="default: those the table is about")
    parser.add_argument("--proposals", type=Path, help="a folder of masks for --table masks, beside the scene's own")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.table:
        tables(args)
        return
    rows = defaultdict(list)
    print(f"{'scene':10}{'seed':5}{'variant':26}" + "".join(f"{name:>14}" for name in COLUMNS))
    for path, run in zip(args.scenes, args.runs or [None] * len(args.scenes), strict=True):
        scene = Scene.load(path, args.work, run, 0)
        top, label = ceiling(scene)
        print(f"{path.name:10}{'':5}{'ceiling':26}{top.miou or 0:>14.3f}{top.mbiou or 0:>14.3f}", flush=True)
        for seed in args.seeds:
            masks = scene.masks(args.masks, seed)
            case = Case(
                scene, masks, collect_votes(scene.splats, scene.run.capture.split("train"), masks), seed, args.share
            )
            for variant in args.variants:
                facts = row(case, variant, label, args.similarity)
                rows[path.name, variant].append(facts)
                with (args.work / "ablation.jsonl").open("a") as file:
                    file.write(json.dumps(facts | {"masks": args.masks, "share": args.share}) + "\n")
                print(line(path.name, str(seed), variant, facts.__getitem__), flush=True)
    if len(args.seeds) > 1:
        print("means over seeds")
        for (name, variant), found in rows.items():
            print(line(name, "", variant, lambda column, f=found: float(np.mean([facts[column] for facts in f]))))


if __name__ == "__main__":
    main()
