"""Unwanted prompts: the Gaussians they take away from a selection, in pieces of the hierarchy.

A click takes the whole thing it points at, or its atom if that thing is wanted; a box or a mask takes the Gaussians in
it, and pieces that lie mostly in it and hold nothing wanted. Without a hierarchy, or if a wanted and an unwanted prompt
point into one atom, Gaussians follow the prompt they resemble; if both look alike, an unwanted click takes a disc
around it, as a brush does.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.select.mask_prompt import inside_outside
from splatseg.select.prompt import Prompt
from splatseg.select.seen import SAME_SURFACE
from splatseg.select.session import Session

USUAL = 0.5
"""Granularity up to which unwanted pieces are taken away whole."""

SPARED = 0.05
"""Share of the selection that a click leaves at least, if no prompt is wanted."""

BRUSH = 0.02
"""Radius, as a share of the image's width, of the disc that an unwanted click takes from something that looks like a
wanted click: features do not separate the two, so only the place is left to go by."""


def taken_back(
    session: Session, prompt: Prompt, thing: np.ndarray, members: np.ndarray, hierarchy: Hierarchy | None
) -> np.ndarray:
    """Find the Gaussians that an unwanted click takes from `members` if no prompt is wanted: (N,) bool.

    thing (N,) bool: what the click would select. It is taken; or, if nothing else is selected, the atom under the
    click; or else a disc around the click.
    """
    if _spares(thing, members):
        return thing
    atom = 0 if hierarchy is None else _atom_at(session, prompt, hierarchy)
    if hierarchy is not None and atom and _spares(hierarchy.members(atom), members):
        return hierarchy.members(atom)
    return _brushed(session, prompt)


def _spares(taken: np.ndarray, members: np.ndarray) -> bool:
    """Return True if enough of the selection is left: a click on it is not meant to take all of it."""
    return int((members & ~taken).sum()) > SPARED * int(members.sum())


def unwanted(session: Session, prompt: Prompt, wanted: list[Prompt], hierarchy: Hierarchy | None) -> np.ndarray:
    """Return (N,) bool: the Gaussians that an unwanted prompt takes away."""
    if prompt.click is not None:
        return _unwanted_at(session, prompt, wanted, hierarchy)
    inside, outside = inside_outside(session.plan(prompt.camera), prompt.region, prompt.seen)
    within = inside > outside
    if hierarchy is None:
        return within
    # Besides the Gaussians themselves, whole pieces that lie mostly in the region, unless they hold something wanted.
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
        # If the thing itself is wanted, only the atom goes: the click corrects a mistake and does not mean half of it.
        for piece in (whole, atom):
            if piece not in kept:
                return hierarchy.members(piece)
    assert prompt.click is not None
    unlike = session.look(prompt.camera, prompt.click).feature
    like = [session.look(p.camera, p.click).feature for p in wanted if p.click is not None]
    if any(float(unlike @ query) > SAME_SURFACE for query in like):
        return _brushed(session, prompt)
    resembling = np.max([session.features @ query for query in like], axis=0) if like else USUAL
    nearer: np.ndarray = session.features @ unlike > resembling
    return nearer & (hierarchy.atoms == atom) if hierarchy is not None and atom else nearer


def _brushed(session: Session, prompt: Prompt) -> np.ndarray:
    """Return (N,) bool: the Gaussians that are seen mostly in a small disc around a click."""
    assert prompt.click is not None
    camera = prompt.camera
    x, y = session.look(camera, prompt.click).pixel
    rows, columns = np.ogrid[: camera.height, : camera.width]
    disc = (columns - x) ** 2 + (rows - y) ** 2 <= max(BRUSH * camera.width, 2.0) ** 2
    inside, outside = inside_outside(session.plan(camera), disc)
    brushed: np.ndarray = inside > outside
    return brushed


def _wanted_atoms(session: Session, wanted: list[Prompt], hierarchy: Hierarchy) -> set[int]:
    """Return the atoms that wanted clicks point at, and the atoms that lie mostly in wanted boxes and masks."""
    atoms: set[int] = set()
    for prompt in wanted:
        if prompt.click is not None:
            atoms.add(_atom_at(session, prompt, hierarchy))
        else:
            inside, outside = inside_outside(session.plan(prompt.camera), prompt.region, prompt.seen)
            within = hierarchy.tally(inside) > hierarchy.tally(outside)
            atoms.update(np.flatnonzero(within[: hierarchy.count + 1]).tolist())
    return atoms - {0}


def _atom_at(session: Session, prompt: Prompt, hierarchy: Hierarchy) -> int:
    assert prompt.click is not None
    return session.look(prompt.camera, prompt.click).most(hierarchy.atoms)
