"""One row of the measurements of accuracy: masks and a method to features, segments and all figures of them."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accuracy_prompts import KINDS, Prompter, automatic, best_cut, best_nodes
from accuracy_scene import Masks, Scene, ceiling
from accuracy_worst import Worst

from splatseg import Splats, cluster_splats
from splatseg.borders.superpixels import Borders
from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import SplatsegError
from splatseg.evaluate.images import score_image
from splatseg.evaluate.protocols.prompted import ProtocolResult
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.fit import fit_paper_features
from splatseg.features.paper.settings import PaperSettings
from splatseg.refine.atoms import inherited_atoms
from splatseg.refine.refine import refine_boundaries
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.select.knowledge import Knowledge
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import collect_votes

METHODS = ("lift", "contrast", "paper")


@dataclass(frozen=True)
class Measuring:
    """What is measured besides the figures that every row has."""

    refine: bool = False
    """A second row with refined boundaries."""
    one_cut: bool = False
    """No second cut of atoms."""
    share: float = 1.0
    """Share of the steps of `contrast` and `paper`."""
    pictures: Path | None = None
    """Folder of pictures of the segments."""
    worst: Worst | None = None
    """Collector of the objects that are found worst."""


def features_of(
    scene: Scene, masks: Masks, method: str, seed: int, measuring: Measuring
) -> tuple[Splats, Knowledge, dict[str, float]]:
    """The splat with features and segments, what its masks say of it, and the seconds of each part."""
    votes, agreement = None, None
    seconds, began = {}, time.perf_counter()
    views = scene.run.capture.split("train")
    if method == "paper":
        paper = PaperSettings(seed=seed)
        # Fewer steps at the same intervals: fewer uses of each term.
        paper = dataclasses.replace(paper, iterations=max(1, int(paper.iterations * measuring.share)))
        splats = fit_paper_features(scene.splats, views, masks, paper)
        seconds["features"] = time.perf_counter() - began
    else:
        votes = collect_votes(scene.splats, views, masks)
        seconds["votes"] = time.perf_counter() - began
        if method == "contrast":
            contrast = ContrastSettings(seed=seed)
            contrast = dataclasses.replace(contrast, iterations=max(1, int(contrast.iterations * measuring.share)))
            splats = fit_contrast_features(scene.splats, views, masks, votes, contrast)
        else:
            features = fill_unseen(embed_votes(votes, EmbedSettings(seed=seed)), scene.splats.means.numpy())
            splats = scene.splats.replace(features=torch.from_numpy(features))
        agreement = Agreement(votes)
        seconds["embedding" if method == "lift" else "training"] = time.perf_counter() - began - seconds["votes"]
    began = time.perf_counter()
    settings = ClusterSettings(seed=seed)
    borders = None
    if method == "lift" and masks.superpixels is not None and not measuring.one_cut:
        borders = Borders(collect_votes(scene.splats, views, masks.superpixels), masks.superpixels)
    clusters = cluster_splats(splats, settings, None if measuring.one_cut else votes, agreement, borders)
    seconds["clustering"] = time.perf_counter() - began
    splats = splats.replace(segment_ids=torch.from_numpy(clusters.ids))
    return splats, Knowledge(agreement, clusters.hierarchy), seconds


def rows(scene: Scene, top: ProtocolResult, masks: str, method: str, seed: int, measuring: Measuring) -> list[dict]:
    """All figures of one scene, mask set, method and seed; with `refine` once more for refined boundaries."""
    name = {"scene": scene.path.name, "masks": masks, "method": method, "seed": seed}
    given = scene.masks(masks, seed)
    try:
        splats, knowledge, seconds = features_of(scene, given, method, seed, measuring)
    except SplatsegError as error:
        return [name | {"error": str(error)}]
    found = [name | figures(scene, splats, knowledge, top, seconds, measuring, masks)]
    if measuring.refine and knowledge.agreement is not None and knowledge.hierarchy is not None:
        began = time.perf_counter()
        background = scene.run.settings.train.background
        views = scene.run.capture.split("train")
        result = refine_boundaries(splats, views, given, None, background)
        seconds = {"refining": time.perf_counter() - began}
        atoms = inherited_atoms(knowledge.hierarchy.atoms, result.parent, splats, result.splats)
        known = Knowledge(Agreement(result.votes), dataclasses.replace(knowledge.hierarchy, atoms=atoms))
        changed = dataclasses.replace(scene, splats=result.splats.replace(features=None, segment_ids=None))
        facts = name | {"method": "refine", "split": result.split, "adjusted": int(result.moved.sum())}
        facts |= {"psnr_before": held_out_psnr(scene), "psnr": held_out_psnr(changed)}
        after = figures(changed, result.splats, known, ceiling(changed)[0], seconds, measuring, masks)
        found.append(_rounded(facts) | after)
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
    measuring: Measuring,
    masks: str,
) -> dict:
    """What is measured of a splat with features and segments."""
    facts: dict = {"gaussians": len(splats), "ceiling_miou": top.miou, "ceiling_mbiou": top.mbiou}
    ceilings = {score.prompt.id: score.iou for score in (*top.things, *top.stuff)}
    prompter = Prompter(scene, splats, knowledge)
    for kind in KINDS:
        result = prompter.result(kind)
        facts |= {f"{kind}_miou": result.miou, f"{kind}_mbiou": result.mbiou}
        facts[f"{kind}_of_ceiling"] = _of(result.miou, top)
        if result.stuff:
            facts[f"{kind}_stuff"] = float(np.mean([s.iou for s in result.stuff]))
        facts[f"{kind}_objects"] = {
            s.name: [round(s.iou, 3), round(ceilings[s.prompt.id], 3)] for s in (*result.things, *result.stuff)
        }
        if measuring.worst is not None:
            measuring.worst.add(scene, masks, kind, result, ceilings, prompter.chosen)
    if top.stuff:
        facts["ceiling_stuff"] = float(np.mean([s.iou for s in top.stuff]))
    if knowledge.hierarchy is not None:
        facts["node_of_ceiling"] = _of(best_nodes(scene, knowledge.hierarchy).miou, top)
        facts |= best_cut(prompter)
        facts["cut_of_ceiling"] = _of(facts["cut_miou"], top)
    facts |= automatic(scene, splats, measuring.pictures)
    facts["seconds"] = {name: round(value, 2) for name, value in seconds.items()}
    return _rounded(facts)


def _of(miou: float | None, top: ProtocolResult) -> float:
    return (miou or 0.0) / (top.miou or 1.0)


def _rounded(facts: dict) -> dict:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}
