"""The world of a splat compared with that of the photographs; a splat that was moved is brought back if that is sure.

A splat is of the capture's world if it looks like the photographs of the views that it is seen from (`recognised`). If
not, maps back are tried: those that a file beside it describes, those of programs' conventions, and last those of a
registration with the sparse points, made exact by photographs. One that nearly all views recognise is taken; otherwise
the splat is of another capture, or of another world, and refused.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.capture.capture import Capture
from splatseg.checks.other_worlds import moved_by_convention, moved_by_file
from splatseg.checks.recognised import FEWEST, MOST, Photographs
from splatseg.checks.registration import axis_turns, icosahedral_turns, register
from splatseg.checks.settled_move import settled_move
from splatseg.checks.trouble import Trouble
from splatseg.errors import SplatFileError
from splatseg.splats.similarity import Similarity
from splatseg.splats.splats import Splats
from splatseg.spread import spread

DOUBTFUL = 0.5
"""Share of the views up to which a splat is not recognised. Of eight scenes the right splats were recognised in all
views, splats of other scenes in half of them at most, and splats of 300 steps in seven of eight at least."""

SURE = 7 / 8
"""Share of the views from which on a map back is sure: all but one of the views that are compared."""

NEARER = 0.9
"""Share of the difference from the photographs below which the end of a descent replaces its beginning: a descent
always gains a little, as a splat that is not sharp may be moved without harm."""

REFINED = 3
"""Ends of the registration that are made exact, those that most views recognise."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A splat in the world of a capture."""

    splats: Splats
    """The splat, moved if that was needed and sure."""

    move: Similarity | None = None
    """The map that was applied, from the file's world to the capture's; None for none."""

    trouble: Trouble | None = None
    """Sentence on what was found; None for a splat that is recognised."""


@dataclass(frozen=True)
class _Try:
    """A map back: the views that recognise the splat under it, how much it differs from photographs, words for it."""

    seen: int
    difference: float = np.inf
    way: str = ""
    move: Similarity | None = None

    def order(self) -> tuple[int, float]:
        """Return what is least for the best."""
        return -self.seen, self.difference


def placed(splats: Splats, path: Path, capture: Capture) -> Placed:
    """Return the splat of a file in the world of a capture; look at a few photographs to tell.

    Raises CaptureError for an unreadable photograph, SplatFileError for a damaged file beside the splat.
    """
    views = list(capture.views)
    photographs = Photographs(views)
    # What follows tries maps of the file's own numbers; as it is, it is in the user's own coordinates.
    numbers, splats = dataclasses.replace(splats, coordinates=capture.coordinates), splats.in_world(capture.coordinates)
    found, count = photographs.recognised(splats), len(photographs)
    if count < FEWEST or found >= count - 1:
        return Placed(splats)
    figure = f"{found} of {count} views recognise {path.name} as it is"
    best = _Try(found)
    if found <= DOUBTFUL * count:
        best = _brought_back(numbers, path, capture, photographs, Photographs(views, neighbours=True))
    if best.move is not None and best.seen >= SURE * count:
        text = (
            f"{figure}, so it is in another world; it was brought back, {best.way}: {best.seen} of {count} recognise it"
        )
        return Placed(best.move.splats(numbers), best.move, Trouble(text))
    if found > DOUBTFUL * count:
        return Placed(splats, trouble=Trouble(f"{figure}; check that it is the splat of this capture"))
    text = (
        f"{figure}, so it is the splat of another capture, or was moved into another world and cannot be brought back; "
        f"give the splat that was made from {capture.path}, or nerfstudio's dataparser_transforms.json beside it"
    )
    return Placed(splats, trouble=Trouble(text, SplatFileError))


def _brought_back(splats: Splats, path: Path, capture: Capture, photographs: Photographs, strict: Photographs) -> _Try:
    """Return the best map back that is found, the cheap and exact ones first.

    strict: photographs with their neighbours, which judge what nobody stated: a splat that is turned by 20 degrees may
    still look most like the right one of a few views that are far apart.
    """
    around = capture.coordinates
    there = Similarity(np.eye(3), -np.array(around.centre) / around.scale, 1.0 / around.scale)
    ways = [] if around.is_own else [(f"taken as positions {around}", Similarity(np.eye(3), np.zeros(3)))]
    ways += [(way, there.after(move)) for way, move in moved_by_file(path, capture)]
    stated = [_tried(splats, photographs, *way) for way in ways]
    if stated and _best(stated).seen == len(photographs):
        return _best(stated)
    # A world that a convention nearly gives is recognised, too, so the end of a descent is tried beside its beginning.
    known = _best([*stated, *(_tried(splats, photographs, *way) for way in moved_by_convention(capture.views, there))])
    if known.move is not None and known.seen >= SURE * len(photographs):
        exact, nearer = _tried(splats, strict, known.way, known.move), _settled(splats, capture, strict, known)
        gains = nearer.seen > exact.seen or nearer.difference < NEARER * exact.difference
        return nearer if gains else exact
    return _registered(splats, capture, photographs, strict)


def _registered(splats: Splats, capture: Capture, photographs: Photographs, strict: Photographs) -> _Try:
    """Return the best map back by registration: from principal axes, and if that is not sure, from turns between."""
    shown = splats.positions[splats.opacities.numpy() > 0.3]
    best = _Try(0)
    for turns in (axis_turns(), icosahedral_turns()):
        ends = [
            _tried(splats, photographs, "by registration with the photographs", end)
            for end in register(shown, capture.points, turns)
        ]
        ends.sort(key=_Try.order)
        best = _best([best, *(_settled(splats, capture, strict, end) for end in ends[:REFINED])])
        if best.seen >= SURE * len(strict):
            break
    return best


def _tried(splats: Splats, photographs: Photographs, way: str, move: Similarity) -> _Try:
    return _Try(*photographs.compared(move.splats(splats)), way, move)


def _settled(splats: Splats, capture: Capture, photographs: Photographs, end: _Try) -> _Try:
    """Return a map back made exact by photographs, by others than those that judge it where there are enough.

    A descent from a wrong map makes the splat more like the photographs it descends on than like any others: judged by
    the same ones, one that was a fifth of the scene off was recognised in seven views of eight.
    """
    if end.move is None:
        return end
    judges = {view.name for view in spread(capture.views, MOST)}
    others = [view for view in capture.views if view.name not in judges]
    on = spread(others if len(others) >= FEWEST else capture.views, MOST)
    return _tried(splats, photographs, end.way, settled_move(splats, end.move, on))


def _best(tries: list[_Try]) -> _Try:
    return min(tries, key=_Try.order)
