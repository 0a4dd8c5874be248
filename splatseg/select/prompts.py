"""Several prompts at once: what is wanted and what is not, by clicks, boxes and masks, in any views.

What is wanted adds up; masks of several views describe one and the same selection, which must fit all of them. What is
not wanted is taken away in pieces of the hierarchy: a click takes the whole thing it points at, or where that thing is
wanted the atom; a box or a mask takes the Gaussians in it, and pieces that lie mostly in it and hold nothing wanted.
Without a hierarchy, or where both point into one atom, Gaussians follow the prompt they resemble; where both prompts
look alike an unwanted click takes what is around it, as a brush does.

Alphabet: N Gaussians; P prompts; V views with prompts; A atoms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.cluster.cluster import segments_of
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.raster.interface import contributors
from splatseg.select.box_prompt import Box, select_by_box
from splatseg.select.click_prompt import SAME_SURFACE, click_query, pixel_of, select_by_click
from splatseg.select.mask_prompt import inside_outside, select_by_mask
from splatseg.select.selection import Selection, nonempty
from splatseg.select.session import Session, session_of
from splatseg.select.threshold import iou, render_members
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement

USUAL = 0.5
"""The granularity up to which pieces that are not wanted are taken away whole."""

SPARED = 0.05
"""Share of what is selected that a click leaves at least, where no prompt says what is wanted of it."""

BRUSH = 0.02
"""Radius, as a share of the image's width, of what an unwanted click takes from something that looks like what is
wanted: features do not part it, so only the place is left to go by."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """One of click (x, y), box (x0, y0, x1, y1) or mask (H,W) bool, in pixels of camera; wanted or not."""

    camera: Camera
    click: tuple[float, float] | None = None
    box: Box | None = None
    mask: np.ndarray | None = None
    wanted: bool = True

    def __post_init__(self) -> None:
        given = sum(one is not None for one in (self.click, self.box, self.mask))
        if given != 1:
            raise PromptError(f"a prompt is exactly one of a click, a box and a mask; {given} were given")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known of a splat beside its features: the votes of all views, the hierarchy of its segments, and the
    granularity in 0..1 at which the segments are asked for (None: as they are in the splat).

    quick: boundaries of these segments are those of the hierarchy, not corrected anew by the votes. That is what a
    slider needs: it takes a thousandth of the time, and the segments are nearly the same [mean IoU of tabletop and demo
    at granularities 0.1 to 0.9: 0.997].
    """

    agreement: Agreement | None = None
    hierarchy: Hierarchy | None = None
    granularity: float | None = None
    quick: bool = False

    @cached_property
    def cut(self) -> np.ndarray | None:
        """The segments (N,) int32 at the granularity, 0 = none; None for those of the splat. Raises PromptError if
        there is a granularity and no hierarchy."""
        if self.granularity is None:
            return None
        if self.hierarchy is None:
            raise PromptError("there is no hierarchy to take a granularity of; run `splatseg segment RUN` again")
        if not self.quick:
            return segments_of(self.hierarchy, self.granularity, self.agreement)
        nodes = self.hierarchy.cut(self.granularity)
        return nodes if self.agreement is None else np.where(self.agreement.in_masks, nodes, 0).astype(np.int32)


def select_by_prompts(
    splats: Splats | Session,
    prompts: Sequence[Prompt],
    knowledge: Knowledge | None = None,
    threshold: float | None = None,
    start: np.ndarray | None = None,
) -> Selection:
    """Select what all `prompts` together say. threshold: least similarity to a wanted prompt; None chooses it.

    start: what is selected already, (N,) bool; then all prompts may be unwanted ones.

    Raises PromptError if nothing is wanted, if nothing is left of it, and as the single prompts do; also for a
    granularity without a hierarchy.
    """
    knowledge = knowledge or Knowledge()
    session = session_of(splats)
    if knowledge.cut is not None:
        session = session.with_segments(knowledge.cut)
    wanted = [prompt for prompt in prompts if prompt.wanted]
    if not wanted and start is None:
        raise PromptError("all prompts say what is not wanted; give at least one that says what is")
    selection = _selected(start)
    if wanted:
        joint = _joint(session, wanted, [_single(session, prompt, knowledge, threshold) for prompt in wanted])
        selection = joint if start is None else selection.union(joint)
    members = selection.members
    for prompt in prompts:
        if not prompt.wanted:
            # Without a prompt that says what is wanted, what a wanted click would select is taken away again.
            back = not wanted and prompt.click is not None
            taken = (
                _taken_back(session, prompt, knowledge, threshold, members)
                if back
                else _unwanted(session, prompt, wanted, knowledge.hierarchy)
            )
            members = members & ~taken
    selection = dataclasses.replace(selection, members=members)
    if selection.count == 0:
        raise PromptError("what is not wanted takes away all that is; move one of the prompts")
    return selection


def _selected(members: np.ndarray | None) -> Selection:
    members = np.zeros(0, dtype=bool) if members is None else members
    return Selection(members.astype(np.float32) - 0.5, 0.0, members)


def _single(session: Session, prompt: Prompt, knowledge: Knowledge, threshold: float | None) -> Selection:
    agreement = knowledge.agreement
    if prompt.click is not None:
        voted = agreement is not None or knowledge.cut is not None
        return select_by_click(session, prompt.camera, prompt.click, threshold, voted)
    if prompt.box is not None:
        return select_by_box(session, prompt.camera, prompt.box, threshold, agreement)
    assert prompt.mask is not None
    return select_by_mask(session.splats, prompt.camera, prompt.mask, threshold, agreement, knowledge.hierarchy)


def _joint(session: Session, wanted: list[Prompt], selections: list[Selection]) -> Selection:
    """All selections together; but of masks in several views, that candidate which fits the masks of all views best."""
    views = _views([prompt.camera for prompt in wanted if prompt.mask is not None])
    together = [s for s, prompt in zip(selections, wanted, strict=True) if prompt.mask is None]
    by_view = [
        _union([s for s, p in zip(selections, wanted, strict=True) if p.mask is not None and p.camera is camera])
        for camera in views
    ]
    if len(by_view) > 1:
        candidates = [*by_view, _union(by_view), _common(by_view)]
        fits = np.zeros(len(candidates))
        for camera in views:
            target = np.any([p.mask for p in wanted if p.mask is not None and p.camera is camera], axis=0)
            masks = render_members(session.plan(camera), np.stack([one.members for one in candidates]))
            fits += iou(masks, target)
        by_view = [candidates[int(fits.argmax())]]
    return nonempty(_union([*together, *by_view]), "the prompts")


def _views(cameras: list[Camera]) -> list[Camera]:
    return list({id(camera): camera for camera in cameras}.values())


def _union(selections: list[Selection]) -> Selection:
    joined = selections[0]
    for other in selections[1:]:
        joined = joined.union(other)
    return joined


def _common(selections: list[Selection]) -> Selection:
    common = selections[0]
    for other in selections[1:]:
        common = common.intersect(other)
    return common


def _taken_back(
    session: Session, prompt: Prompt, knowledge: Knowledge, threshold: float | None, members: np.ndarray
) -> np.ndarray:
    """(N,) bool: what a click takes from `members`: the thing it points at, or if that is all there is the atom, or
    else what is around it."""
    thing = _single(session, prompt, knowledge, threshold).members
    if _spares(thing, members):
        return thing
    atom = 0 if knowledge.hierarchy is None else _atom_at(session, prompt, knowledge.hierarchy)
    if knowledge.hierarchy is not None and atom and _spares(knowledge.hierarchy.members(atom), members):
        return knowledge.hierarchy.members(atom)
    return _brushed(session, prompt)


def _spares(taken: np.ndarray, members: np.ndarray) -> bool:
    """Whether something worth having is left: nobody takes away all that is selected with a click on it."""
    return int((members & ~taken).sum()) > SPARED * int(members.sum())


def _unwanted(session: Session, prompt: Prompt, wanted: list[Prompt], hierarchy: Hierarchy | None) -> np.ndarray:
    """(N,) bool: what an unwanted prompt takes away."""
    if prompt.click is not None:
        return _unwanted_at(session, prompt, wanted, hierarchy)
    inside, outside = inside_outside(session.plan(prompt.camera), _region(prompt))
    within = inside > outside
    if hierarchy is None:
        return within
    # Beside the Gaussians themselves, whole pieces that lie mostly in the region, unless they hold something wanted.
    taken = hierarchy.tally(inside) > hierarchy.tally(outside)
    for atom in (0, *_wanted_atoms(session, wanted, hierarchy)):
        taken[[0, *hierarchy.chain(atom)]] = False
    for node in np.flatnonzero(taken).tolist():
        if hierarchy.level_of(node) <= USUAL:
            within = within | hierarchy.members(node)
    return within


def _unwanted_at(session: Session, prompt: Prompt, wanted: list[Prompt], hierarchy: Hierarchy | None) -> np.ndarray:
    atom = 0 if hierarchy is None else _atom_at(session, prompt, hierarchy)
    if hierarchy is not None and atom:
        kept = {node for one in _wanted_atoms(session, wanted, hierarchy) for node in hierarchy.chain(one)}
        whole = [node for node in hierarchy.chain(atom) if hierarchy.level_of(node) <= USUAL][-1]
        # Of the same thing only the atom: who takes away a mistake does not mean half of what is wanted.
        for piece in (whole, atom):
            if piece not in kept:
                return hierarchy.members(piece)
    assert prompt.click is not None
    unlike = click_query(session, prompt.camera, prompt.click)
    like = [click_query(session, p.camera, p.click) for p in wanted if p.click is not None]
    if any(float(unlike @ query) > SAME_SURFACE for query in like):
        return _brushed(session, prompt)
    resembling = np.max([session.features @ query for query in like], axis=0) if like else USUAL
    nearer: np.ndarray = session.features @ unlike > resembling
    return nearer & (hierarchy.atoms == atom) if hierarchy is not None and atom else nearer


def _brushed(session: Session, prompt: Prompt) -> np.ndarray:
    """(N,) bool: the Gaussians that are seen mostly in a small disc around a click."""
    assert prompt.click is not None
    camera = prompt.camera
    x, y = pixel_of(prompt.click, camera)
    rows, columns = np.ogrid[: camera.height, : camera.width]
    disc = (columns - x) ** 2 + (rows - y) ** 2 <= max(BRUSH * camera.width, 2.0) ** 2
    inside, outside = inside_outside(session.plan(camera), disc)
    brushed: np.ndarray = inside > outside
    return brushed


def _wanted_atoms(session: Session, wanted: list[Prompt], hierarchy: Hierarchy) -> set[int]:
    """Atoms that wanted clicks point at, and those that lie mostly in wanted boxes and masks."""
    atoms: set[int] = set()
    for prompt in wanted:
        if prompt.click is not None:
            atoms.add(_atom_at(session, prompt, hierarchy))
        else:
            inside, outside = inside_outside(session.plan(prompt.camera), _region(prompt))
            within = hierarchy.tally(inside) > hierarchy.tally(outside)
            atoms.update(np.flatnonzero(within[: hierarchy.count + 1]).tolist())
    return atoms - {0}


def _atom_at(session: Session, prompt: Prompt, hierarchy: Hierarchy) -> int:
    assert prompt.click is not None
    pixel = pixel_of(prompt.click, prompt.camera)
    found = contributors(session.plan(prompt.camera), torch.tensor([pixel]))
    return int(np.bincount(hierarchy.atoms[found.columns.numpy()], weights=found.weights.numpy(), minlength=1).argmax())


def _region(prompt: Prompt) -> np.ndarray:
    """(H,W) bool: the mask, or the pixels of the box."""
    if prompt.mask is not None:
        return prompt.mask
    assert prompt.box is not None
    region = np.zeros((prompt.camera.height, prompt.camera.width), dtype=bool)
    x0, y0, x1, y1 = (max(round(side), 0) for side in prompt.box)
    region[y0:y1, x0:x1] = True
    return region
