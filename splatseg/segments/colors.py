"""Colours for the segments of a scene: touching segments differ clearly, and a position keeps its colour.

A colour begins as a function of a segment's position, not of its id or rank, so that two fits of one scene, whose ids
differ, mostly agree: hue and lightness are waves through space, evaluated at the segment's middle (the median of its
Gaussians' centres, which another fit finds again to a fraction of the segment's size). Then, in order of the number of
Gaussians among the cameras, a segment that is too similar to a touching segment coloured earlier moves to the nearest
colour that differs (greedy colouring as Welsh and Powell 1967, with a distance in place of equality). Segments that
already have a colour keep it, unless two segments of nearly the same colour touch that did not touch before: then the
later one chooses again.

The waves are measured in the cameras' own unit: the origin is their middle, the unit their median distance from it.
Both belong to the capture and are the same for every fit. Points outside the unit sphere are contracted
(x -> (2 - 1/|x|) x/|x|, Barron et al. 2022, "Mip-NeRF 360"), and waves are longer for larger segments: far and large
segments, whose middles are least certain, change least.

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
"""Least difference of two colours that are clearly different, also as tints of a photograph."""

LIGHTNESS_COUNTS = 0.5
"""Weight of a difference in lightness: a tinted photograph has a lightness of its own, so hue tells more."""

NEARLY_SAME = 0.06
"""Difference below which two touching segments are taken for one."""

HUE_WAVE = np.array([1.0, 0.75, 1.3])
LIGHTNESS_WAVE = np.array([-0.7, 1.0, 0.45])
"""Turns per wavelength along each axis; the directions differ, so that few positions agree in both waves."""

WAVELENGTH = 0.6
"""Least length of a whole turn of hue, in units of the cameras: some objects on a table between the cameras."""

DARKEST, LIGHTEST = 0.56, 0.82
"""Range of lightness."""

HUES, LIGHTNESSES = 24, 3
"""Steps of hue and lightness among which a segment finds a colour that differs."""


@dataclass(frozen=True)
class Frame:
    """Position and size of a scene, by its cameras."""

    origin: tuple[float, float, float]
    """Middle of the cameras: the median of each coordinate."""

    unit: float
    """Median distance of the cameras from the origin, world units."""

    @classmethod
    def of(cls, positions: np.ndarray) -> Frame:
        """Return the frame of cameras at positions (V,3). With all cameras at one position, or none, the unit is 1."""
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
    """Choose a colour for every segment: that of its position, or the nearest that differs from touching segments.

    places: colour by position of every segment, in the order in which segments choose. pairs: ids of touching segments.
    kept: colours that stay. If no colour differs clearly from all touching segments, the most different one is taken.
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
    """Return the colours of `before` that segments keep; other arguments as of `choose_colors`.

    Of two segments that look alike and touch now, but not in `pairs_before`, the later one loses its colour.
    """
    kept = {segment_id: before[segment_id] for segment_id in places if segment_id in before}
    rank = {segment_id: number for number, segment_id in enumerate(places)}
    met = set(pairs_before)
    for one, other in sorted(pairs):
        if (one, other) not in met and one in kept and other in kept and _look_alike(kept[one], kept[other]):
            del kept[max(one, other, key=rank.__getitem__)]
    return kept


def difference(colors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the difference of 8-bit colours (..., 3) as tints: their distance in OKLab, lightness counting half."""
    apart = oklab_of(colors) - oklab_of(others)
    distances: np.ndarray = np.linalg.norm(apart * (LIGHTNESS_COUNTS, 1.0, 1.0), axis=-1)
    return distances


def colors_by_place(means: np.ndarray, ids: np.ndarray, frame: Frame) -> dict[int, Color]:
    """Return each segment's colour by position, in order of Gaussians among the cameras, then of all its Gaussians."""
    finite = (ids > 0) & np.isfinite(means).all(1)
    # Gaussians sorted by segment: those of segment k are order[starts[k] : starts[k] + counts[k]].
    order = np.flatnonzero(finite)[np.argsort(ids[finite], kind="stable")]
    unique, starts, counts = np.unique(ids[order], return_index=True, return_counts=True)
    inside, found = np.zeros(len(unique), np.int64), []
    for number, (start, count) in enumerate(zip(starts.tolist(), counts.tolist(), strict=True)):
        points = _contracted((means[order[start : start + count]].astype(np.float64) - frame.origin) / frame.unit)
        # Gaussians of the segment among the cameras: inside the unit sphere.
        inside[number] = np.count_nonzero(np.linalg.norm(points, axis=1) <= 1.0)
        low, middle, high = np.quantile(points, (0.1, 0.5, 0.9), axis=0)
        wavelength = max(WAVELENGTH, 2.0 * float(np.linalg.norm(high - low)))
        found.append(_wave_color(middle / wavelength))
    colors = {int(unique[number]): found[number] for number in np.lexsort((unique, -counts, -inside))}
    # A segment without a finite Gaussian has no position; it takes the colour of the origin.
    for segment_id in np.unique(ids[ids > 0]).tolist():
        colors.setdefault(int(segment_id), _wave_color(np.zeros(3)))
    return colors


def _wave_color(turns: np.ndarray) -> Color:
    """Return the colour at a position (3,) in wavelengths."""
    hue = float(turns @ HUE_WAVE) % 1.0
    # A triangle wave, so that lightness returns without a jump.
    height = abs(2.0 * (float(turns @ LIGHTNESS_WAVE) % 1.0) - 1.0)
    return _color(hue, DARKEST + (LIGHTEST - DARKEST) * height)


def _color(hue: float, lightness: float) -> Color:
    """Return the sRGB of a hue (turns) and lightness; light colours have less chroma, as sRGB allows less there."""
    chroma = 0.155 - 0.5 * max(0.0, lightness - 0.72)
    return srgb_of(lightness, chroma, 2.0 * math.pi * hue)


def _contracted(points: np.ndarray) -> np.ndarray:
    """Return points (P,3) contracted into the sphere of radius 2; inside the unit sphere nothing changes."""
    radius = np.linalg.norm(points, axis=1, keepdims=True)
    outside = np.maximum(radius, 1.0)
    inside: np.ndarray = points * (2.0 - 1.0 / outside) / outside
    return inside


def _differing(own: Color, around: list[Color]) -> Color:
    """Return the colour nearest to `own` that is clearly different from all `around`, else the most different one."""
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
    """Return colours of all hues in some lightnesses, counted from the hue of `own`, so that they move with it."""
    lightness, a, b = (float(value) for value in oklab_of(np.array(own)))
    hue = math.atan2(b, a) / (2.0 * math.pi)
    levels = (lightness, *np.linspace(DARKEST, LIGHTEST, LIGHTNESSES).tolist())
    return [_color(hue + step / HUES, level) for level in levels for step in range(HUES)]
