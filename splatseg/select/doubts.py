"""Doubts: which prompts a selection does not meet, each judged by the selection's mask in its own view.

    wanted mask      IoU with the mask >= 1/2                    unwanted mask, box    at most 1/2 of it is selected
    wanted box       IoU of the mask's extent with it >= 1/2     click                 inside, or, unwanted, outside

Prompts that contradict one another are all weighed, and some are not met: that is said. Wanted prompts add up, so only
where nothing else is wanted the whole selection is compared with a mask or a box; else the share of a mask that is
selected, and the extent of the part inside a box. A click outside a wanted box of its view is told too: the two were
added up, and a box around both was perhaps meant.

Alphabet: N Gaussians, H x W pixels; members (N,) bool; a box is (x0, y0, x1, y1) in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.select.box_prompt import clipped_box, extent_iou
from splatseg.select.prompt import Prompt
from splatseg.select.session import Session, same_camera

MET = 0.5
"""Agreement below which a prompt is not met: a thing is then mostly another one."""


def doubts_of(
    session: Session,
    prompts: Sequence[Prompt],
    members: np.ndarray,
    where: Callable[[Camera], str],
    hierarchy: Hierarchy | None = None,
    more: bool = False,
) -> tuple[str, ...]:
    """Return a sentence on each prompt that the selection, members (N,) bool, does not meet.

    where: names the view of a camera. more: the prompts were added to what was selected before them.
    """
    ids = session.splats.segment_ids
    # Pieces that a click may have chosen among: at any granularity and level, unions of these.
    pieces = np.zeros(len(members), dtype=np.int32) if ids is None else np.maximum(ids.numpy(), 0)
    pieces = pieces if hierarchy is None else hierarchy.atoms
    wanted = [prompt for prompt in prompts if prompt.wanted]
    masks_alone = not more and all(prompt.mask is not None for prompt in wanted)
    told = []
    for prompt in prompts:
        if prompt.click is not None:
            text = _of_click(session, prompt, np.where(members, 1, 2 + pieces), _beside(prompt, wanted))
        else:
            shown = session.mask(prompt.camera, members)
            shown = shown if prompt.seen is None else shown & prompt.seen
            alone = masks_alone or (not more and len(wanted) == 1)
            text = _of_region(prompt, shown, _beside(prompt, wanted), alone) if prompt.wanted else _left(prompt, shown)
        if text:
            told.append(text.format(where=where(prompt.camera)))
    ending = "change that prompt or those against it" if len(prompts) > 1 or more else "prompt in another view"
    return tuple(f"{text}; {ending}" for text in told)


def _of_click(session: Session, prompt: Prompt, labels: np.ndarray, beside: Sequence[Prompt]) -> str:
    """labels (N,): 1 for what is selected, others for the pieces of the rest."""
    assert prompt.click is not None
    seen = session.look(prompt.camera, prompt.click)
    column, row = seen.pixel
    name = f"click ({column}, {row}) in {{where}}"
    # As a click chooses: the one that makes up most of the pixel, be it less than half.
    inside = seen.most(labels) == 1
    if not prompt.wanted:
        return f"the unwanted {name} is still inside the selection" if inside else ""
    if not inside:
        return f"the wanted {name} is outside the selection"
    for region in beside:
        if region.box is not None and not region.region[row, column]:
            return f"the wanted {name} is outside the {_name(region)} there, and both were added up"
    return ""


def _beside(prompt: Prompt, wanted: Sequence[Prompt]) -> list[Prompt]:
    """Return the wanted prompts in the view of a prompt, itself among them if it is wanted."""
    return [one for one in wanted if same_camera(one.camera, prompt.camera)]


def _of_region(prompt: Prompt, shown: np.ndarray, beside: Sequence[Prompt], alone: bool) -> str:
    name = f"{_name(prompt)} in {{where}}"
    if prompt.box is not None:
        fit = extent_iou(shown if alone else shown & prompt.region, clipped_box(prompt.box, prompt.camera))
        return "" if fit >= MET else f"the selection is hardly in the {name} (IoU of its extent {fit:.2f})"
    if alone:  # masks of one view add up
        target = np.any([one.region for one in beside], axis=0)
        fit = int((shown & target).sum()) / max(int((shown | target).sum()), 1)
        return "" if fit >= MET else f"the selection hardly fits the {name} (IoU {fit:.2f})"
    share = _share(shown, prompt.region)
    return "" if share >= MET else f"only {share:.0%} of the {name} is selected"


def _left(prompt: Prompt, shown: np.ndarray) -> str:
    share = _share(shown, prompt.region)
    return "" if share <= MET else f"{share:.0%} of the unwanted {_name(prompt)} in {{where}} is still selected"


def _share(shown: np.ndarray, region: np.ndarray) -> float:
    return int((shown & region).sum()) / max(int(region.sum()), 1)


def _name(prompt: Prompt) -> str:
    """Name a box by its corners, a mask by its pixel nearest to its middle."""
    if prompt.box is not None:
        return f"box ({', '.join(f'{side:g}' for side in prompt.box)})"
    assert prompt.mask is not None
    rows, columns = np.nonzero(prompt.mask)
    nearest = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
    return f"mask at ({columns[nearest]}, {rows[nearest]})"
