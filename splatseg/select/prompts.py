"""Several prompts at once: clicks, boxes and masks in any views, wanted and unwanted.

Wanted prompts add up, except masks of several views, which describe one and the same selection that must fit all of
them. Unwanted prompts take Gaussians away (`unwanted`).

Alphabet: N Gaussians; P prompts; V views with prompts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.select.along_hierarchy import nearest_node
from splatseg.select.box_prompt import select_by_box
from splatseg.select.click_prompt import select_by_click
from splatseg.select.knowledge import Knowledge
from splatseg.select.levels import Levels, levels_at, members_of
from splatseg.select.mask_prompt import select_by_mask
from splatseg.select.match import Match, nonempty
from splatseg.select.prompt import Prompt
from splatseg.select.session import Session, session_of
from splatseg.select.threshold import iou, render_members
from splatseg.select.unwanted import taken_back, unwanted
from splatseg.splats.splats import Splats


def select_by_prompts(
    splats: Splats | Session,
    prompts: Sequence[Prompt],
    knowledge: Knowledge | None = None,
    threshold: float | None = None,
    start: np.ndarray | None = None,
) -> Match:
    """Select the Gaussians that all `prompts` together describe.

    threshold: least similarity to a wanted prompt; None chooses it. start: an existing selection (N,) bool; with it,
    all prompts may be unwanted ones.

    Raises PromptError if no prompt is wanted, if nothing is left of the selection, and as the single prompts do; also
    for a granularity without a hierarchy.
    """
    knowledge = knowledge or Knowledge()
    session = session_of(splats)
    if knowledge.cut is not None:
        session = session.with_segments(knowledge.cut)
    wanted = [prompt for prompt in prompts if prompt.wanted]
    if not wanted and start is None:
        raise PromptError("all prompts are unwanted; give at least one wanted prompt")
    selection = _selected(start)
    if wanted:
        joint = _joint(session, wanted, [_single(session, prompt, knowledge, threshold) for prompt in wanted])
        selection = joint if start is None else selection.union(joint)
    members = selection.members
    for prompt in prompts:
        if not prompt.wanted:
            # Without any wanted prompt, an unwanted click takes away what a wanted one would select.
            back = not wanted and prompt.click is not None
            if back:
                thing = _single(session, prompt, knowledge, threshold).members
                taken = taken_back(session, prompt, thing, members, knowledge.hierarchy)
            else:
                taken = unwanted(session, prompt, wanted, knowledge.hierarchy)
            members = members & ~taken
    selection = dataclasses.replace(selection, members=members)
    if selection.count == 0:
        raise PromptError("the unwanted prompts take away the whole selection; move one of the prompts")
    return selection


def _selected(members: np.ndarray | None) -> Match:
    return Match.of(np.zeros(0, dtype=bool) if members is None else members)


def _single(session: Session, prompt: Prompt, knowledge: Knowledge, threshold: float | None) -> Match:
    agreement = knowledge.agreement
    if prompt.click is not None:
        levels = None if prompt.level is None else levels_of_click(session, prompt, knowledge)
        return _at_level(session, prompt, levels, knowledge, threshold)
    if prompt.box is not None:
        return select_by_box(session, prompt.camera, prompt.box, threshold, agreement, knowledge.hierarchy, prompt.seen)
    assert prompt.mask is not None
    return select_by_mask(
        session.splats, prompt.camera, prompt.mask, threshold, agreement, knowledge.hierarchy, prompt.seen
    )


def _at_level(
    session: Session, prompt: Prompt, levels: Levels | None, knowledge: Knowledge, threshold: float | None
) -> Match:
    """Return the match of a click at the level of its prompt; levels: those of the click, None for no such wish."""
    assert prompt.click is not None, "levels are those of a click"
    if levels is None or prompt.level in (None, levels.default):
        voted = knowledge.agreement is not None or knowledge.cut is not None
        return select_by_click(session, prompt.camera, prompt.click, threshold, voted)
    assert knowledge.hierarchy is not None and prompt.level is not None, "levels come from a hierarchy"
    return Match.of(members_of(levels.node(prompt.level), knowledge.hierarchy, knowledge.agreement))


def select_levels(session: Session, prompts: Sequence[Prompt], levels: Levels, knowledge: Knowledge) -> list[Match]:
    """Select one click at the level of each of `prompts`; levels are those of the click, by `levels_of_click`."""
    if knowledge.cut is not None:
        session = session.with_segments(knowledge.cut)
    return [_at_level(session, prompt, levels, knowledge, None) for prompt in prompts]


def levels_of_click(session: Session, prompt: Prompt, knowledge: Knowledge) -> Levels:
    """Return the levels of a click: what is at its pixel, from parts to groups.

    Raises PromptError without a hierarchy, for a click outside the image, and for one on nothing.
    """
    assert prompt.click is not None, "levels are those of a click"
    if knowledge.hierarchy is None:
        raise PromptError("there is no hierarchy of parts and wholes to take a level of; run `splatseg segment` again")
    if knowledge.cut is not None:
        session = session.with_segments(knowledge.cut)
    seen = session.look(prompt.camera, prompt.click)
    hierarchy, segment = knowledge.hierarchy, session.segment_at(seen)
    # The heaviest atom may be of another node than the segment, of which several atoms make up more.
    nearest = 0 if segment is None else nearest_node(segment, hierarchy)
    atom = seen.most(hierarchy.atoms, hierarchy.atoms_under(nearest)) or seen.most(hierarchy.atoms)
    if atom == 0 or segment is None:
        raise PromptError(f"no segment is seen at the click ({seen.pixel[0]}, {seen.pixel[1]}); click on the object")
    granularity = knowledge.usual if knowledge.granularity is None else knowledge.granularity
    return levels_at(atom, segment, hierarchy, knowledge.agreement, granularity, nearest)


def _joint(session: Session, wanted: list[Prompt], selections: list[Match]) -> Match:
    """Return the union of all selections.

    Masks in several views give one selection together: the candidate that fits the masks of all views best.
    """
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
            given = [(p.mask, p.seen) for p in wanted if p.mask is not None and p.camera is camera]
            target, seen = np.any([mask for mask, _ in given], axis=0), given[0][1]
            masks = render_members(session.plan(camera), np.stack([one.members for one in candidates]), seen)
            fits += iou(masks, target)
        by_view = [candidates[int(fits.argmax())]]
    return nonempty(_union([*together, *by_view]), "the prompts")


def _views(cameras: list[Camera]) -> list[Camera]:
    return list({id(camera): camera for camera in cameras}.values())


def _union(selections: list[Match]) -> Match:
    joined = selections[0]
    for other in selections[1:]:
        joined = joined.union(other)
    return joined


def _common(selections: list[Match]) -> Match:
    common = selections[0]
    for other in selections[1:]:
        common = common.intersect(other)
    return common
