"""Figures of segments and selections from votes alone: the IoU of blending weights instead of rendered masks.

    iou_v(S, o) = sum_{i in S} T_vio / (sum_i T_vio + sum_{i in S} sum_l T_vil - sum_{i in S} T_vio)

T_vil are the votes of the true mask of label l in the held-out view v: pixels that Gaussian i makes up there. No view
is rendered, so a figure takes milliseconds.

Alphabet: V held-out views; N Gaussians; L labels, 0 = no object; K nodes or segments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from accuracy_prompts import prompts_for
from accuracy_scene import Scene
from harness import deepest_pixel
from scipy import sparse

from splatseg import Splats, cluster_splats
from splatseg.borders.superpixels import Borders
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import PromptError
from splatseg.evaluate.protocols.prompted import ObjectPrompt, prompts_of
from splatseg.features.lift.embed import embed_votes
from splatseg.features.lift.settings import EmbedSettings
from splatseg.raster.interface import contributors
from splatseg.select.along_hierarchy import nearest_node
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompts import select_by_prompts
from splatseg.select.session import Session
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

SPECK = 50
"""Pixels below which a rendered map shows nothing of a segment, so that it is not spurious."""


class VotedScene:
    """A scene with the votes of its true masks."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.true = np.stack([weights for _, weights in scene.true_votes("test")])
        """(V,N,L)."""
        # Objects of stuff are no things, and no figure here is of them.
        every = prompts_of(scene.truth, scene.names("train"), scene.names("test"))
        self.prompts = [prompt for prompt in every if prompt.id not in scene.truth.stuff]
        self._views = {name: index for index, name in enumerate(scene.names("test"))}

    @cached_property
    def ceiling(self) -> float:
        """Mean IoU over things of Gaussians labelled by the true masks of the training views."""
        summed = np.zeros_like(self.true[0])
        for _, weights in self.scene.true_votes("train"):
            summed += weights
        label = self.scene.labels[summed.argmax(1)]
        return float(np.mean([self.iou(label == prompt.id, prompt) for prompt in self.prompts]))

    @cached_property
    def total(self) -> np.ndarray:
        """(V,L): pixels of the labels in every view."""
        return self.true.sum(1)

    @cached_property
    def clicks(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For every prompt the Gaussians that make up its deepest pixel, and their weights."""
        found = []
        for prompt in self.prompts:
            view = self.scene.run.capture.view(prompt.view)
            x, y = deepest_pixel(self.scene.truth.label_maps[prompt.view] == prompt.id)
            made_of = contributors(self.scene.splats.prepare(view.camera), torch.tensor([[int(x), int(y)]]))
            found.append((made_of.columns.numpy(), made_of.weights.numpy()))
        return found

    def iou(self, members: np.ndarray, prompt: ObjectPrompt) -> float:
        """Mean IoU of members (N,) bool with an object over its held-out views."""
        views, chosen = [self._views[name] for name in prompt.test_views], members.astype(np.float32)
        inside = np.stack([chosen @ self.true[view] for view in views])
        return float(self._ious(inside, self.total[views], prompt).mean())

    def _ious(self, inside: np.ndarray, total: np.ndarray, prompt: ObjectPrompt) -> np.ndarray:
        """IoU (...) of sets with an object, from what the views see of them, inside (...,L), and in all (...,L)."""
        column = int(np.searchsorted(self.scene.labels, prompt.id))
        own = inside[..., column]
        return own / np.maximum(total[..., column] + inside.sum(-1) - own, 1e-9)

    def summed(self, groups: np.ndarray) -> np.ndarray:
        """(V,K,L): the votes of the Gaussians of each group, 0..K-1, groups (N,)."""
        ones = np.ones(len(groups), dtype=np.float32)
        gather = sparse.csr_array((ones, (groups, np.arange(len(groups)))), shape=(int(groups.max()) + 1, len(groups)))
        return np.stack([gather @ of_view for of_view in self.true])

    def click(self, ids: np.ndarray) -> float:
        """Share of the ceiling of the segments, ids (N,) with 0 = none, under the clicks."""
        inside, ious = self.summed(ids), []
        for prompt, (columns, weights) in zip(self.prompts, self.clicks, strict=True):
            views = [self._views[name] for name in prompt.test_views]
            segment = int(np.bincount(ids[columns], weights=weights, minlength=1).argmax())
            of_prompt = self._ious(inside[views, segment], self.total[views], prompt)
            ious.append(float(of_prompt.mean()) if segment else 0.0)
        return float(np.mean(ious)) / self.ceiling

    def node(self, hierarchy: Hierarchy) -> float:
        """Share of the ceiling of the best node for every thing."""
        inside = np.zeros((len(self.true), len(hierarchy.parents), self.true.shape[2]))
        inside[:, : hierarchy.count + 1] = self.summed(hierarchy.atoms)
        for merge, (a, b) in enumerate(hierarchy.merges.tolist()):
            inside[:, hierarchy.count + 1 + merge] = inside[:, a] + inside[:, b]
        best = []
        for prompt in self.prompts:
            views = [self._views[name] for name in prompt.test_views]
            # Node 0 is none.
            best.append(float(self._ious(inside[views], self.total[views, None], prompt).mean(0)[1:].max(initial=0.0)))
        return float(np.mean(best)) / self.ceiling

    def panoptic(self, ids: np.ndarray) -> float:
        """Panoptic quality of things of the segments ids (N,), 0 = none."""
        table, things = self._table(ids)
        sizes, inside, shared = table.sum(1), table[:, things].sum(1), table[:, things]
        unions = inside[:, None] + shared.sum(0)[None] - shared
        match = 2 * shared > unions
        match[0] = False
        # A segment is spurious if it matches nothing, is seen at all, and lies mostly on things.
        alone = ~match.any(1) & (2 * inside >= sizes) & (inside > SPECK)
        alone[0] = False
        ious = shared[match] / unions[match]
        return float(ious.sum() / max(len(ious) + alone.sum() / 2 + (shared.shape[1] - len(ious)) / 2, 1e-9))

    def rand(self, ids: np.ndarray) -> float:
        """Adjusted Rand index on things of the segments ids (N,)."""
        table, things = self._table(ids)
        shared = table[:, things]

        def pairs(counts: np.ndarray) -> float:
            return float((counts * (counts - 1.0) / 2.0).sum())

        together, rows, columns = pairs(shared), pairs(shared.sum(1)), pairs(shared.sum(0))
        expected = rows * columns / max(pairs(shared.sum(keepdims=True)), 1e-9)
        return (together - expected) / max((rows + columns) / 2.0 - expected, 1e-9)

    def chain(self, hierarchy: Hierarchy, ids: np.ndarray) -> float:
        """Share of the ceiling of the best node above every click, ids (N,) being the segments."""
        best = []
        for prompt, (columns, weights) in zip(self.prompts, self.clicks, strict=True):
            segment = int(np.bincount(ids[columns], weights=weights, minlength=1).argmax())
            # As levels are found (`select.prompts`).
            own = hierarchy.members(nearest_node(ids == segment, hierarchy))[columns] if segment else np.zeros(0)
            light = weights * own if own.any() else weights
            atom = int(np.bincount(hierarchy.atoms[columns], weights=light, minlength=1).argmax())
            best.append(max((self.iou(hierarchy.members(node), prompt) for node in hierarchy.chain(atom)), default=0.0))
        return float(np.mean(best)) / self.ceiling

    def stuff(self, ids: np.ndarray) -> float:
        """Mean IoU over stuff of the segment, ids (N,) with 0 = none, that fits best."""
        table = self.summed(ids).sum(0).astype(np.float64)
        columns = np.flatnonzero(np.isin(self.scene.labels, sorted(self.scene.truth.stuff)))
        own, sizes = table[1:, columns], table[1:].sum(1)[:, None]
        ious = own / np.maximum(table[:, columns].sum(0) + sizes - own, 1e-9)
        return float(ious.max(0).mean()) if len(columns) and len(ious) else float("nan")

    def _table(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Votes (K,L) over all views, and the columns of things that are seen at all."""
        table = self.summed(ids).sum(0).astype(np.float64)
        things = ~np.isin(self.scene.labels, self.scene.no_things) & (table.sum(0) > SPECK)
        return table, np.flatnonzero(things)


@dataclass
class Case:
    """A scene with masks and a seed: all that a figure of the product's code is computed from."""

    voted: VotedScene
    masks: str
    seed: int

    @cached_property
    def votes(self) -> Votes:
        """The votes of the masks, by the product's own constants."""
        return self.collected()

    def collected(self) -> Votes:
        """The votes of the masks, by the constants of now."""
        scene = self.voted.scene
        return collect_votes(scene.splats, scene.run.capture.split("train"), scene.masks(self.masks, self.seed))

    @cached_property
    def usual(self) -> tuple[Splats, Knowledge]:
        """Segments by the product's own constants."""
        return self.segmented(self.votes)

    @cached_property
    def borders(self) -> Borders | None:
        """What merge trees say, of undisturbed proposals only."""
        scene = self.voted.scene
        superpixels = scene.masks(self.masks, self.seed).superpixels
        if superpixels is None:
            return None
        return Borders(collect_votes(scene.splats, scene.run.capture.split("train"), superpixels), superpixels)

    def segmented(self, votes: Votes, with_borders: bool = True) -> tuple[Splats, Knowledge]:
        """The splat with features and segments, and what masks say of it, by the constants of now."""
        splats, agreement = self.voted.scene.splats, Agreement(votes)
        features = embed_votes(votes, EmbedSettings(seed=self.seed), splats.positions)
        splats = splats.replace(features=torch.from_numpy(features))
        borders = self.borders if with_borders else None
        clusters = cluster_splats(splats, ClusterSettings(seed=self.seed), votes, agreement, borders)
        splats = splats.replace(segment_ids=torch.from_numpy(clusters.ids))
        return splats, Knowledge(agreement, clusters.hierarchy)

    def of_segments(self, with_borders: bool) -> dict[str, float]:
        """Figures of segments and hierarchy."""
        splats, knowledge = self.segmented(self.votes, with_borders)
        assert splats.segment_ids is not None and knowledge.hierarchy is not None, "a case is segmented"
        ids, hierarchy = splats.segment_ids.numpy(), knowledge.hierarchy
        return {
            "click": self.voted.click(ids),
            "level": self.voted.chain(hierarchy, ids),
            "node": self.voted.node(hierarchy),
            "PQ": self.voted.panoptic(ids),
            "ARI": self.voted.rand(ids),
            "stuff": self.voted.stuff(ids),
            "segments": float(ids.max()),
        }

    def figure(self, name: str, splats: Splats, knowledge: Knowledge) -> float:
        """One of `FIGURES`, by the constants of now."""
        return FIGURES[name](self, splats, knowledge)

    def selected(self, kind: str, splats: Splats, knowledge: Knowledge | None) -> float:
        """Share of the ceiling of prompts of a kind; of several answers to one prompt the best counts."""
        session, ious = Session(splats), []
        for prompt in self.voted.prompts:
            view = self.voted.scene.run.capture.view(prompt.view)
            mask = self.voted.scene.truth.label_maps[prompt.view] == prompt.id
            try:
                asked = prompts_for(session, view, mask, kind, knowledge)
                tried = [select_by_prompts(session, together, knowledge).members for together in asked]
                ious.append(max(self.voted.iou(members, prompt) for members in tried))
            except PromptError:
                ious.append(0.0)
        return float(np.mean(ious)) / self.voted.ceiling


def _segments(case: Case, splats: Splats, knowledge: Knowledge) -> float:
    assert splats.segment_ids is not None and knowledge.hierarchy is not None, "a case is segmented"
    ids = splats.segment_ids.numpy()
    voted = case.voted
    return float(np.mean([voted.click(ids), voted.node(knowledge.hierarchy), voted.panoptic(ids), voted.rand(ids)]))


FIGURES: dict[str, Callable[[Case, Splats, Knowledge], float]] = {
    "segments": _segments,
    "mask": lambda case, splats, knowledge: case.selected("mask", splats, knowledge),
    "box": lambda case, splats, knowledge: case.selected("box", splats, knowledge),
    "level": lambda case, splats, knowledge: case.selected("level", splats, knowledge),
    "unvoted": lambda case, splats, knowledge: case.selected("click", splats, None),
    "alone": lambda case, splats, knowledge: case.selected("click", splats.replace(segment_ids=None), None),
}
"""segments: the mean of one click, the best node, panoptic quality and ARI of things; mask, box, level: prompts, shares
of the ceiling; unvoted: clicks without votes; alone: clicks by features alone, without votes and segments."""
