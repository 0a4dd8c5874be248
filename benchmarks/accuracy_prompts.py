"""Objects prompted by their true masks, boxes, clicks; automatic segments; the best that the hierarchy holds.

Every figure is of frozen geometry and held-out views, by `evaluate/protocols/prompted.py`.

    mask    the true mask in the prompt's view         click   its deepest pixel
    box     the box around that mask                   three   its three deepest places, together
    level   the click, at the level (`select/levels.py`) that the true masks in the held-out views prefer

`best_cut` chooses one granularity for all clicks of a scene, `best_nodes` a node of the hierarchy for each object.
All three look at the truth: they say what is there to be found, not what a user gets at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from accuracy_scene import Scene
from harness import deepest_pixel, deepest_pixels
from PIL import Image

from splatseg import Splats, View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.evaluate.protocols.prompted import ProtocolResult, run_protocol
from splatseg.evaluate.segmentation import PanopticQuality, adjusted_rand_index, panoptic_quality
from splatseg.render.label_maps import label_map
from splatseg.render.overlays import overlay_segments
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import levels_of_click, select_by_prompts
from splatseg.select.session import Session

KINDS = ("mask", "click", "box", "three", "level")

GRANULARITIES = tuple(round(0.1 * step, 1) for step in range(1, 10))
"""Cuts of which the best is looked for."""


@dataclass
class Prompter:
    """Prompts on one segmented splat; every prompt's view is prepared once."""

    scene: Scene
    splats: Splats
    knowledge: Knowledge | None
    chosen: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    """Members (N,) bool that were judged, by kind of prompt and object."""
    _sessions: dict[str, Session] = field(default_factory=dict)

    def result(self, kind: str, knowledge: Knowledge | None = None) -> ProtocolResult:
        """The protocol with one of `KINDS`; knowledge: other than the splat's own, of which nothing is kept."""
        known = self.knowledge if knowledge is None else knowledge
        scene = self.scene

        def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
            found = int(scene.truth.label_maps[view_name][mask][0])
            session, view = self._session(view_name), scene.run.capture.view(view_name)
            asked = prompts_for(session, view, mask, kind, known)
            tried = [select_by_prompts(session, together, known).members for together in asked]
            fits = [self._mean_iou(members, found) for members in tried] if len(tried) > 1 else [0.0]
            best = tried[int(np.argmax(fits))]
            if knowledge is None:
                self.chosen[kind, found] = best
            return scene.shown.masks(best)

        return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select)

    def _session(self, view: str) -> Session:
        if not self._sessions:
            self._sessions[view] = Session(self.splats)
        if view not in self._sessions:
            # A fork shares the features and keeps a view of its own.
            self._sessions[view] = next(iter(self._sessions.values())).fork()
        return self._sessions[view]

    def _mean_iou(self, members: np.ndarray, label: int) -> float:
        ious = []
        for name, mask in self.scene.shown.masks(members).items():
            labels = self.scene.truth.label_maps[name]
            true, shown = labels == label, mask & (labels != self.scene.truth.unknown)
            if true.any():
                ious.append((shown & true).sum() / (shown | true).sum())
        return float(np.mean(ious or [0.0]))


def prompts_for(
    session: Session, view: View, mask: np.ndarray, kind: str, knowledge: Knowledge | None
) -> list[list[Prompt]]:
    """Each list is asked together; of several lists the best by the held-out views counts."""
    camera = view.camera
    click = Prompt(camera, click=deepest_pixel(mask))
    if kind == "level" and knowledge is not None and knowledge.hierarchy is not None:
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


def prompted(scene: Scene, splats: Splats, knowledge: Knowledge | None, kind: str) -> ProtocolResult:
    """The protocol with prompts of one of `KINDS`."""
    return Prompter(scene, splats, knowledge).result(kind)


def best_nodes(scene: Scene, hierarchy: Hierarchy) -> ProtocolResult:
    """The protocol with the node of the hierarchy that fits the object's true masks in the held-out views best.

    It is chosen by IoU of blending weights, as `votes.agreement` computes it, and judged by its rendered masks.
    """
    overlaps = np.zeros((len(hierarchy.parents), len(scene.labels)))
    for _, weights in scene.true_votes("test"):
        shared = np.stack([hierarchy.tally(column) for column in weights.T], axis=1)
        unions = shared.sum(1)[:, None] + weights.sum(0)[None] - shared
        # Views in which an object is seen count by its pixels.
        overlaps += shared / np.maximum(unions, 1e-9) * weights.sum(0)
    overlaps[0] = 0.0

    def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        found = scene.truth.label_maps[view_name][mask][0]
        return scene.shown.masks(hierarchy.members(int(overlaps[:, np.searchsorted(scene.labels, found)].argmax())))

    return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select)


def best_cut(prompter: Prompter) -> dict[str, float]:
    """Clicks (mIoU over things) and panoptic quality, each at the granularity of `GRANULARITIES` that is best for all
    things of the scene."""
    clicks, qualities = {}, {}
    for granularity in GRANULARITIES:
        assert prompter.knowledge is not None, "cuts come from a hierarchy"
        known = dataclasses.replace(prompter.knowledge, granularity=granularity)
        clicks[granularity] = prompter.result("click", known).miou or 0.0
        cut = prompter.splats.replace(segment_ids=torch.from_numpy(known.cut))
        qualities[granularity] = quality_of(prompter.scene, label_maps(prompter.scene, cut)).pq
    click, pq = max(clicks, key=clicks.__getitem__), max(qualities, key=qualities.__getitem__)
    return {"cut_miou": clicks[click], "cut_at": click, "pq_cut": qualities[pq], "pq_cut_at": pq}


def label_maps(scene: Scene, splats: Splats) -> list[np.ndarray]:
    """The segments (H,W) seen in every held-out view."""
    return [label_map(splats, view.camera) for view in scene.run.capture.split("test")]


def quality_of(scene: Scene, found: list[np.ndarray]) -> PanopticQuality:
    """Panoptic quality of things over all held-out pixels, as one labelling."""
    true = [scene.truth.label_maps[name] for name in scene.names("test")]
    return panoptic_quality(np.concatenate(found), np.concatenate(true), ignore=scene.no_things)


def automatic(scene: Scene, splats: Splats, pictures: Path | None) -> dict[str, float]:
    """ARI and panoptic quality of the segments over all held-out pixels."""
    found = label_maps(scene, splats)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for view, labels in zip(scene.run.capture.split("test"), found, strict=True):
            Image.fromarray(overlay_segments(view.image(), labels)).save(pictures / view.png_name.replace("/", "_"))
    true = np.concatenate([scene.truth.label_maps[name] for name in scene.names("test")])
    quality = quality_of(scene, found)
    return {
        "ari": adjusted_rand_index(np.concatenate(found), true, ignore=scene.unlabelled),
        "ari_things": adjusted_rand_index(np.concatenate(found), true, ignore=scene.no_things),
        "pq_things": quality.pq,
        "spurious": int(quality.spurious),
        "missed": int(quality.missed),
        "segments": int(splats.segment_ids.max()) if splats.segment_ids is not None else 0,
    }
