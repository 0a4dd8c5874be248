"""Colours for the segments of a scene: those that touch differ clearly, and a place keeps its colour.

A colour begins as a function of where a segment is, not of its id or rank, so that two fits of one scene, whose ids
run differently, mostly agree: hue and lightness are waves through space, evaluated at the segment's middle (the median
of its Gaussians' centres, which another fit finds again to a fraction of the thing's size). Then, those with most
Gaussians among the cameras first, a segment that touches one already coloured too much alike moves to the nearest
colour that differs (greedy colouring as Welsh and Powell 1967, with a distance in place of equality). Segments that
bring a colour along keep it, unless two that never touched before now do and look nearly the same: then the later
chooses anew.

The waves are measured in the cameras' own unit: the origin is their middle, the unit their median distance from it.
Both are the capture's, the same for every fit. What lies outside the unit sphere is contracted (x -> (2 - 1/|x|) x/|x|,
Barron et al. 2022, "Mip-NeRF 360"), and waves are longer for what is larger: far and large things, whose middles are
least certain, change least.

Alphabet: N Gaussians, S segments; means (N,3) world; ids (N,), 0 = none; pairs (P,2) ids that touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from splatseg.oklab import oklab_of, srgb_of
from splatseg.segments.palette import Color

CLEARLY_DIFFERENT = 0.12
"""Difference from which two colours are clearly different, also when a photograph is tinted with them."""

LIGHTNESS_COUNTS = 0.5
"""A tinted photograph has a lightness of its own, so that of the tint tells less than its hue: it counts half."""

NEARLY_SAME = 0.06
"""Below this difference two things that touch are taken for one."""

HUE_WAVE = np.array([1.0, 0.75, 1.3])
LIGHTNESS_WAVE = np.array([-0.7, 1.0, 0.45])
"""Turns per wavelength along each axis; the directions differ, so that few places are alike in both."""

WAVELENGTH = 0.6
"""Units of a whole turn of hue, at least: some objects on a table seen from around it."""

DARKEST, LIGHTEST = 0.56, 0.82
HUES, LIGHTNESSES = 24, 3
"""Steps by which a segment moves from its own colour to one that differs."""


@dataclass(frozen=True)
class Frame:
    """Where a scene is and how large: the middle of its cameras (3,), and their median distance from it."""

    origin: tuple[float, float, float]
    unit: float

    @classmethod
    def of(cls, positions: np.ndarray) -> Frame:
        """From the positions (V,3) of cameras. Cameras at one place, or none, give the unit 1."""
        if len(positions) == 0:
            return cls((0.0, 0.0, 0.0), 1.0)
        x, y, z = (float(value) for value in np.median(positions, axis=0))
        unit = float(np.median(np.linalg.norm(positions - (x, y, z), axis=1)))
        return cls((x, y, z), unit if unit > 1e-9 else 1.0)


def choose_colors(
    places: Mapping[int, Color],
    pairs: Iterable[tuple[int, int]],
    kept: Mapping[int, Color] | None = None,
) -> dict[int, Color]:
    """A colour for every segment: its own by place, or the nearest to it that differs from those it touches.

    places: the colour each would have alone, the segments that choose first coming first. kept: colours that stay as
    they are. Where more segments meet than there are colours, the one that differs most is taken.
    """
    neighbours: dict[int, set[int]] = {segment_id: set() for segment_id in places}
    for one, other in pairs:
        if one != other and one in neighbours and other in neighbours:
            neighbours[one].add(other)
            neighbours[other].add(one)
    chosen = {segment_id: color for segment_id, color in (kept or {}).items() if segment_id in places}
    for segment_id, own in places.items():
        if segment_id not in chosen:
            around = [chosen[other] for other in sorted(neighbours[segment_id]) if other in chosen]
            chosen[segment_id] = _differing(own, around)
    return {segment_id: chosen[segment_id] for segment_id in places}


def kept_colors(
    places: Mapping[int, Color],
    pairs: Iterable[tuple[int, int]],
    before: Mapping[int, Color],
    pairs_before: Iterable[tuple[int, int]],
) -> dict[int, Color]:
    """Of the colours that segments had `before`, those that they keep; arguments otherwise as of `choose_colors`."""
    kept = {segment_id: before[segment_id] for segment_id in places if segment_id in before}
    rank = {segment_id: number for number, segment_id in enumerate(places)}
    met = set(pairs_before)
    for one, other in sorted(pairs):
        if (one, other) not in met and one in kept and other in kept and _look_alike(kept[one], kept[other]):
            del kept[max(one, other, key=rank.__getitem__)]
    return kept


def difference(colors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How different 8-bit colours (..., 3) look as tints: their distance in OKLab, lightness counting half."""
    apart = oklab_of(colors) - oklab_of(others)
    distances: np.ndarray = np.linalg.norm(apart * (LIGHTNESS_COUNTS, 1.0, 1.0), axis=-1)
    return distances


def colors_by_place(means: np.ndarray, ids: np.ndarray, frame: Frame) -> dict[int, Color]:
    """The colour that each segment's place gives it, that of most Gaussians among the cameras first, then by size."""
    finite = (ids > 0) & np.isfinite(means).all(1)
    order = np.flatnonzero(finite)[np.argsort(ids[finite], kind="stable")]
    unique, starts, counts = np.unique(ids[order], return_index=True, return_counts=True)
    contracted = _contracted((means[order].astype(np.float64) - frame.origin) / frame.unit)
    inside = (
        np.add.reduceat(np.linalg.norm(contracted, axis=1) <= 1.0, starts, dtype=np.int64) if len(starts) else counts
    )
    colors = {}
    for number in np.lexsort((unique, -counts, -inside)):
        points = contracted[starts[number] : starts[number] + counts[number]]
        low, middle, high = np.quantile(points, (0.1, 0.5, 0.9), axis=0)
        wavelength = max(WAVELENGTH, 2.0 * float(np.linalg.norm(high - low)))
        colors[int(unique[number])] = _wave_color(middle / wavelength)
    # A segment without a finite Gaussian has no place; it takes the origin's.
    for segment_id in np.unique(ids[ids > 0]).tolist():
        colors.setdefault(int(segment_id), _wave_color(np.zeros(3)))
    return colors


def _wave_color(turns: np.ndarray) -> Color:
    hue = float(turns @ HUE_WAVE) % 1.0
    # A triangle wave, so that lightness comes back without a jump.
    height = abs(2.0 * (float(turns @ LIGHTNESS_WAVE) % 1.0) - 1.0)
    return _color(hue, DARKEST + (LIGHTEST - DARKEST) * height)


def _color(hue: float, lightness: float) -> Color:
    """Full chroma in the middle, less for what is light, where sRGB ends sooner."""
    chroma = 0.155 - 0.5 * max(0.0, lightness - 0.72)
    return srgb_of(lightness, chroma, 2.0 * math.pi * hue)


def _contracted(points: np.ndarray) -> np.ndarray:
    radius = np.linalg.norm(points, axis=1, keepdims=True)
    outside = np.maximum(radius, 1.0)
    inside: np.ndarray = points * (2.0 - 1.0 / outside) / outside
    return inside


def _differing(own: Color, around: list[Color]) -> Color:
    """The colour nearest to `own` that is clearly different from all `around`, else the most different one."""
    if not around:
        return own
    candidates = np.array([own, *_alternatives(own)])
    gap = difference(candidates[:, None], np.array(around)[None]).min(1)
    near = difference(candidates, candidates[0])
    clear = np.flatnonzero(gap >= CLEARLY_DIFFERENT)
    best = clear[near[clear].argmin()] if len(clear) else int(gap.argmax())
    red, green, blue = (int(channel) for channel in candidates[best])
    return red, green, blue


def _look_alike(one: Color, other: Color) -> bool:
    return bool(difference(np.array(one), np.array(other)) < NEARLY_SAME)


def _alternatives(own: Color) -> list[Color]:
    """Hues all around, counted from that of `own` so that they move little when it does; each in some lightnesses."""
    lightness, a, b = (float(value) for value in oklab_of(np.array(own)))
    hue = math.atan2(b, a) / (2.0 * math.pi)
    levels = (lightness, *np.linspace(DARKEST, LIGHTEST, LIGHTNESSES).tolist())
    return [_color(hue + step / HUES, level) for level in levels for step in range(HUES)]
