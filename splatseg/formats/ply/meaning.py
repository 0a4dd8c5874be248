"""Properties and comments of a PLY file that change the meaning of its other properties.

* `filter_3D` = f, of Mip-Splatting and its relatives: the Gaussians have the scales s' = sqrt(s^2 + f^2) and the
  opacity o' = o prod s / s'. Both are put into the ordinary properties, and f is not written again.
* A comment "SplatRenderMode: mip" (brush, SuperSplat) or "antialiased 1" (Postshot); of several the last counts.
  Such a splat was fitted with a renderer that weakens Gaussians smaller than a pixel, view by view, so that nothing can
  be put into its properties; it is told, kept as `Splats.antialiased`, and written again.

* A comment "splatseg world: centre X Y Z scale S": positions and scales are in the world that splatseg computes in, the
  user's own coordinates are S times them, plus X Y Z.

Properties of other names are carried along. Those whose names speak of shape, opacity or time (`SPEAKING`) are told.
"""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from splatseg.cameras.coordinates import Coordinates
from splatseg.splats.stored import DEGREES, StoredSplats

FILTER = "filter_3d"
"""Lower-case name of the filter's property."""

MIP_COMMENT = "SplatRenderMode: mip"
"""Comment that we write into files of anti-aliased splats."""

_MODE = re.compile(r"(?:splatrendermode|rasterize_mode|render_mode)\s*[:=\s]\s*(\w+)", re.IGNORECASE)
_FLAG = re.compile(r"anti-?alias(?:ed|ing)?\s*[:=\s]\s*(\w+)", re.IGNORECASE)
_SMOOTH = ("mip", "antialiased", "antialiasing", "1", "true", "yes", "on")

_WORLD = re.compile(r"splatseg world: centre (\S+) (\S+) (\S+) scale (\S+)")

SOFT = 20.0
"""Largest x whose softplus is computed, as torch has it."""

FEWEST = 100
"""Gaussians of which some are nearly clear or opaque, so that not all logits are in 0..1."""

SPEAKING = re.compile(
    r"filter|mip|alias|kernel|beta|gamma|exponent|sharp|blur|low_?pass|shape|deform|motion|velocity|omega|trbf|anchor"
    r"|offset|^t$|^time|_time|^scale_(?:[3-9]|t)|^rot(?:_[4-9]|_r)|^opacity_|^alpha$|^scaling",
    re.IGNORECASE,
)
"""Names of properties that may change the Gaussians: other kernels (beta, shape), filters, motion, fourth axes."""


def is_antialiased(comments: Iterable[str]) -> bool:
    """Tell whether the comments of a header say that the splat was fitted for anti-aliased rendering."""
    found = [match[1].lower() for line in comments for match in [_MODE.search(line) or _FLAG.search(line)] if match]
    return bool(found) and found[-1] in _SMOOTH


def world_comment(coordinates: Coordinates) -> str:
    """Return the comment of a file whose positions are in a world (`cameras.coordinates`)."""
    return "splatseg world: centre {!r} {!r} {!r} scale {!r}".format(*coordinates.centre, coordinates.scale)


def world_of(comments: Iterable[str]) -> Coordinates | None:
    """Return the coordinates of the world that a file says its positions are in; None if it says nothing of it."""
    for match in filter(None, map(_WORLD.search, comments)):
        try:
            x, y, z, scale = map(float, match.groups())
        except ValueError:
            continue
        if all(map(math.isfinite, (x, y, z))) and 0.0 < scale < math.inf:
            return Coordinates((x, y, z), scale)
    return None


def warn_of_antialiasing(path: Path) -> None:
    """Warn that the splat of a file was fitted for another renderer."""
    warnings.warn(
        f"{path} says that it was fitted for anti-aliased rendering, which weakens Gaussians smaller than a pixel; "
        "it is drawn without, so thin and distant things look bolder; a splat fitted without anti-aliasing fits better",
        stacklevel=3,
    )


def warn_of_speaking(path: Path, names: Sequence[str]) -> None:
    """Warn of properties (not understood) whose names say that they change the Gaussians."""
    told = [name for name in names if SPEAKING.search(name)]
    if told:
        listed = ", ".join(told[:6]) + (", …" if len(told) > 6 else "")
        warnings.warn(
            f"{path} has properties that may change its Gaussians and are carried along without effect ({listed}); "
            "if pictures look wrong, export the splat without them",
            stacklevel=3,
        )


def look_plain(opacity_logits: np.ndarray) -> bool:
    """Tell whether all of some opacities (N,) are in 0..1: stored as logits, of which some are not."""
    return bool(((opacity_logits >= 0) & (opacity_logits <= 1)).all())


def warn_of_plain_opacities(path: Path, count: int) -> None:
    """Warn of opacities that all look plain (`look_plain`), if there are more than a few."""
    if count >= FEWEST:
        warnings.warn(
            f"the opacities of {path} are all in 0..1 and read as logits, which they seldom are; if they are opacities "
            "themselves, store ln(o / (1 - o)) instead",
            stacklevel=3,
        )


def warn_of_colors(path: Path) -> None:
    """Warn of columns red, green, blue."""
    warnings.warn(
        f"{path} has red, green, blue in place of f_dc_0; they are read as its colours (in nerfstudio, "
        "--ply-color-mode sh_coeffs keeps those that change with the view)",
        stacklevel=3,
    )


def warn_of_discs(path: Path) -> None:
    """Warn of Gaussians without a third scale."""
    warnings.warn(
        f"{path} holds discs of 2D Gaussian Splatting (no scale_2); they are read as Gaussians with hardly any "
        "thickness",
        stacklevel=3,
    )


def warn_of_harmonics(path: Path, stored: int, used: int) -> None:
    """Warn of spherical harmonics of which some are left out. stored, used: coefficients a colour."""
    what = {24: " (of degree 4)", 35: " (of degree 5)"}.get(stored, "")
    warnings.warn(
        f"{path} has {stored} spherical harmonics a colour{what}; those beyond degree {DEGREES[used]} are left out",
        stacklevel=3,
    )


def filter_name(names: Sequence[str]) -> str | None:
    """Return the name of the property with the filter, or None."""
    return next((name for name in names if name.lower() == FILTER), None)


def filtered(stored: StoredSplats, widths: np.ndarray, axes: int) -> StoredSplats:
    """Return the splat of a file with a filter of widths (N,) put in, on the first `axes` axes of its log scales."""
    wide = np.abs(np.asarray(widths, np.float64))
    logs, logits = stored.log_scales.astype(np.float64), stored.opacity_logits.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_wide = np.log(wide)
        # log(s'/s) = log1p(f^2 / s^2) / 2, in logarithms, for scales and widths of any size.
        gain = _softplus(2 * (log_wide[:, None] - logs[:, :axes])) / 2
        wider = np.where(np.isneginf(logs[:, :axes]), log_wide[:, None], logs[:, :axes] + gain)
        log_opacity = np.minimum(logits, 0.0) - np.log1p(np.exp(-np.abs(logits))) - gain.sum(1)
        weaker = log_opacity - np.log(-np.expm1(log_opacity))
        none = wide == 0
        scales = np.concatenate([np.where(none[:, None], logs[:, :axes], wider), logs[:, axes:]], 1)
        opacities = np.where(none, logits, weaker)
        return dataclasses.replace(
            stored, scales=scales.astype(np.float32), opacities=opacities.astype(np.float32), linear_opacities=False
        )


def _softplus(x: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(x)); x itself above `SOFT`, where they differ by less than 2e-9."""
    return np.where(x > SOFT, x, np.log1p(np.exp(np.minimum(x, SOFT))))
