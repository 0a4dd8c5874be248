"""The hole that a removed object leaves in the surface it stood on, closed by copies of that surface's Gaussians.

1. The support: the plane that the object is above and touches, and the layer of Gaussians around it (`support`).
2. The hole: on a chart of that plane, seen from straight above, the cells under and near the object of which less than
   half is made of Gaussians that photographs show (`chart`, `hidden`), within the convex hull of the surface.
3. Copies of the surface around it, moved into the hole and fitted to its rim (`patches`, `surface`).

Gaussians that the object hid have colours that no photograph has fixed; those at its place are taken out. Made-up ones
have the property `made_up` = 1. Where there is no such plane, or the hole is open, nothing is filled in, and a sentence
says so. Shadows and reflections of the object lie where photographs show them, and stay.

Alphabet: N Gaussians; members (N,) bool, the removed object; G x G cells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from splatseg.cameras.camera import Camera
from splatseg.cluster.components import spatial_components
from splatseg.fill.chart import CELLS, Chart
from splatseg.fill.hidden import shares_shown
from splatseg.fill.plane import Plane
from splatseg.fill.support import find_support
from splatseg.fill.surface import MADE_UP, Surface
from splatseg.splats.joined import joined
from splatseg.splats.splats import Splats
from splatseg.spread import spread

SHOWN = 0.5
"""Share of a Gaussian's light that photographs must show for it to count as measured."""

VIEWS = 24
"""Photographs that are asked what they show; of more, some evenly spread ones."""

THICKNESS = 0.1
"""Distance from the plane up to which Gaussians belong to the surface, as a share of the object's size: a surface seen
at a slant is made of several layers, none of them opaque. Chosen on the demo."""

WINDOW = 2.5
"""Side of the chart in sides of the object: what is copied comes from no further away."""

MARGIN = 0.1
"""Width around the object, as a share of its side, in which Gaussians that it hid are taken out of the surface."""

REACH = 0.7
"""Width around the object, as a share of its side, up to which its hole may reach: behind it, where views are few."""

MISSING = 0.02
"""Share of the object's outline from above that must be missing for anything to be filled in."""

OUTLINE = 0.5
"""Least share of a hole's outline that is surface; with less nobody knows how it goes on."""

PIECE = 0.05
"""Least share of the largest piece's Gaussians in a piece that is looked at: smaller ones are what a mask frayed."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A splat without an object, with the hole closed."""

    splats: Splats
    """The Gaussians; those made up are the last ones and have the property `made_up` = 1."""

    made: int
    """Number of Gaussians made up; 0 if nothing was filled in."""

    said: tuple[str, ...]
    """A sentence on each hole: what was closed, or why it was not."""


@dataclass(frozen=True, eq=False)
class _Closed:
    """One hole closed: what is new, which of the rest the object had hidden, and the sentence."""

    new: Splats
    hidden: np.ndarray
    said: str


def fill_holes(splats: Splats, members: np.ndarray, cameras: Sequence[Camera] = ()) -> Filled:
    """Remove members (N,) bool and close the holes that they leave in what they stood on.

    cameras: of the photographs, which tell what the object hid; without any, only gaps are closed. Members that are
    apart from one another are closed one by one. The same splat gives the same bits on any number of threads.

    Raises ValueError for members of another number.
    """
    if members.shape != (len(splats),) or members.dtype != np.bool_:
        raise ValueError(f"members must be ({len(splats)},) bool, got {members.shape} {members.dtype}")
    bare = splats.subset(~members)
    rest = dataclasses.replace(bare, extras={MADE_UP: np.zeros(len(bare), np.uint8), **bare.extras})
    cameras = spread(cameras, VIEWS)
    shown = shares_shown(splats, members, cameras) >= SHOWN
    places = np.array([camera.position for camera in cameras]).reshape(-1, 3)
    hidden, parts, said = np.zeros(len(rest), bool), list[Splats](), list[str]()
    for piece in _pieces(splats, members):
        closed = _close(rest, splats.subset(piece), shown, places)
        if isinstance(closed, _Closed):
            hidden |= closed.hidden
            parts.append(closed.new)
        said.append(closed.said if isinstance(closed, _Closed) else closed)
    made = sum(map(len, parts))
    return Filled(joined([rest.subset(~hidden), *parts]) if made else bare, made, _counted(said))


def _pieces(splats: Splats, members: np.ndarray) -> list[np.ndarray]:
    """Return the connected pieces of members, the largest first, each as indices (M,)."""
    chosen = np.flatnonzero(members & np.isfinite(splats.positions).all(1))
    component = spatial_components(splats.positions[chosen], splats.reach[chosen])
    sizes = np.bincount(component)
    return [chosen[component == each] for each in np.flatnonzero(sizes >= PIECE * sizes.max(initial=1))]


def _close(rest: Splats, thing: Splats, shown: np.ndarray, places: np.ndarray) -> _Closed | str:
    """Close the hole of one object, or say why not. shown: (N,) bool of the rest; places (V,3) of the cameras."""
    means, body = rest.positions.astype(np.float64), thing.positions.astype(np.float64)
    low, high = np.quantile(body, (0.01, 0.99), axis=0)
    size = float(np.linalg.norm(high - low))
    plane = find_support(rest, thing, size, shown, places) if size > 0 else None
    if plane is None:
        return "no flat surface touches what was removed, so nothing was filled in"
    chart, heights = _chart(plane, body), plane.heights(means)
    surface = Surface.of(chart, rest.subset(shown & (np.abs(heights) <= THICKNESS * size)))
    outline = chart.alphas(thing) >= 0.5
    hole = _hole(outline, surface.covered)
    if hole.sum() <= MISSING * outline.sum():
        return "nothing is missing under what was removed, so nothing was filled in"
    edge = ndimage.binary_dilation(hole) & ~hole
    closed = float(surface.covered[edge].mean())
    if closed < OUTLINE:
        return (
            "the hole under what was removed is open (there is surface on "
            f"{100 * closed:.0f} % of its outline), so nothing was filled in"
        )
    new = surface.copied_into(hole)
    if new is None:
        return "the surface around what was removed is too small to be copied, so nothing was filled in"
    rows, columns = chart.cells(means)
    # In the surface, and within the object itself; not in what stands beside it.
    flat, top = THICKNESS * size, float(np.quantile(plane.heights(body), 0.99))
    below = (np.abs(heights) <= flat) & (hole | _widened(outline, MARGIN))[rows, columns]
    within = (heights > flat) & (heights < top) & outline[rows, columns]
    hidden = ~shown & (below | within)
    return _Closed(new, hidden, _told(hole, rest.coordinates.scale * chart.step, len(new), int(hidden.sum())))


def _chart(plane: Plane, body: np.ndarray) -> Chart:
    across = ((body - plane.origin)[:, None] * plane.axes).sum(2)
    low, high = np.quantile(across, (0.005, 0.995), axis=0)
    middle = ((low + high)[:, None] / 2 * plane.axes).sum(0)
    return Chart(plane, plane.origin + middle, WINDOW * float((high - low).max()) / 2)


def _widened(cells: np.ndarray, share: float) -> np.ndarray:
    """Return an outline (G,G) bool, wider by a share of the object's side, without the holes in it."""
    wide: np.ndarray = ndimage.binary_fill_holes(
        ndimage.binary_dilation(cells, iterations=round(share * CELLS / WINDOW))
    )
    return wide


def _hole(outline: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return the hole (G,G) bool: gaps of what is covered that lie around the object and reach under it."""
    from skimage.morphology import convex_hull_image  # noqa: PLC0415 (a scene imports this module, and need not wait)

    around = _widened(outline, REACH)
    # The surface it stood on, not others at the same height; nothing is filled in beyond its edge.
    pieces, _ = ndimage.label(covered)
    own = np.isin(pieces, np.setdiff1d(np.unique(pieces[around]), [0]))
    if not own.any():
        return own
    gaps, _ = ndimage.label(around & ~covered & convex_hull_image(own))
    hole: np.ndarray = np.isin(gaps, np.setdiff1d(np.unique(gaps[outline]), [0]))
    return hole


def _told(hole: np.ndarray, step: float, made: int, hidden: int) -> str:
    """Return the sentence on a closed hole; step: the side of a cell in the user's own units."""
    wide, deep = (step * (np.ptp(np.flatnonzero(hole.any(axis))) + 1) for axis in (0, 1))
    out = f"; {hidden:,} that it had hidden were taken out" if hidden else ""
    return f"closed a hole of {wide:.2g} x {deep:.2g} with {made:,} made-up Gaussians{out}; its shadow stays"


def _counted(said: Sequence[str]) -> tuple[str, ...]:
    """Return each sentence once, in their order, with how often it was said if more than once."""
    return tuple(f"{each} ({said.count(each)} times)" if said.count(each) > 1 else each for each in dict.fromkeys(said))
