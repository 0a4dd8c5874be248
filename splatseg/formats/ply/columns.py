"""Columns of a splat's PLY file under the names and in the forms in which programs write them.

    f_dc_*              or red green blue, r g b: bytes, or floats 0..1 or 0..255; rgb = 0.5 + 0.2820948 f_dc
    scale_0..2          or scale_x..z; without the third it is a disc of 2D Gaussian Splatting, as thin as can be
    rot_0..3            or rot_w..z, qw..qz
    opacity             a logit; or alpha, or whole numbers: the opacity itself, of their type's range
    f_rest_*            channel-major, any number of coefficients a channel: the whole degrees up to 3 are read

Names are also known in other cases (X, Opacity). Alphabet: N rows of a structured array; K harmonics.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.ply.header import Header
from splatseg.splats.activations import to_sh0

POSITION = ("x", "y", "z")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")
COLOR = ("red", "green", "blue")
ALPHA = "alpha"
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
GEOMETRY = (*POSITION, "opacity", *SCALE, *ROTATION)
"""Properties that a file of features without colours must have."""

REQUIRED = (*POSITION, *CONSTANT, "opacity", *SCALE, *ROTATION)
"""Properties that a splat must have, if not in another form."""

ROWS_AT_ONCE = 8192
"""Rows of a block, which stays in the cache while its columns are copied."""

BRIGHTEST = 2.0
"""Floats of colours and opacities above this are in 0..255: in 0..1 none is twice as bright as white."""

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    **{f"scale_{i}": (f"scale_{axis}",) for i, axis in enumerate("xyz")},
    **{f"rot_{i}": (f"rot_{axis}", f"q{axis}") for i, axis in enumerate("wxyz")},
    **{name: (name[0], f"diffuse_{name}") for name in COLOR},
}
"""Other names of properties, with letters: numbers do not say in which order a quaternion is."""


def splat_element(header: Header) -> str:
    """Return the name of the element with the Gaussians: "vertex", or another that has all they need."""
    if all(element.name != "vertex" for element in header.elements):
        for element in header.elements:
            names = set(known_names(element.names))
            if "packed_position" in names or {*GEOMETRY} - {SCALE[2]} <= names:
                return element.name
    return "vertex"


def known_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of properties, those of which we know another name under the name used here."""
    known = {name: name for name in names}
    for wanted in (*REQUIRED, *(COLOR if CONSTANT[0] not in names else ())):
        others = (wanted, *_OTHER_NAMES.get(wanted, ()))
        found = [name for name in names if name.lower() in others]
        if wanted not in names and len(found) == 1:
            known[found[0]] = wanted
    return tuple(known.values())


def columns_of(body: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return named properties as an array (N, len(names)) float32."""
    body = body.view(np.ndarray)  # slicing a memmap costs more than the copy
    out = np.empty((len(body), len(names)), np.float32)
    for start in range(0, len(body), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        block = body[rows]
        with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32 become infinite
            for i, name in enumerate(names):
                out[rows, i] = block[name]
    return out


def opacities_of(body: np.ndarray, of_255: bool = False) -> tuple[np.ndarray, bool]:
    """Return the logits (N,) of the opacities, or these themselves and True for whole numbers and a column "alpha".

    of_255: floats of a column "alpha" are in 0..255 (`are_of_255`).
    """
    name = opacity_name(body.dtype.names or ())
    values, kind = columns_of(body, (name,))[:, 0], body.dtype[name]
    linear = kind.kind != "f" or name == ALPHA
    return (_shares(values, kind, of_255) if linear else values), linear


def opacity_name(names: tuple[str, ...]) -> str:
    """Return the name of the property with the opacity."""
    return "opacity" if "opacity" in names else ALPHA


def are_of_255(body: np.ndarray, names: tuple[str, ...]) -> bool:
    """Tell whether floats of named properties, in the rows looked at, are too large for 0..1."""
    return body.dtype[names[0]].kind == "f" and bool((columns_of(body, names) > BRIGHTEST).any())


def _shares(values: np.ndarray, kind: np.dtype, of_255: bool) -> np.ndarray:
    """Return whole numbers as shares of their type's range, signed ones of 255; floats are 0..1, or 0..255."""
    if kind.kind == "u":
        return values / float(np.iinfo(kind).max)
    return values / 255 if kind.kind == "i" or of_255 else values


def colors_of(body: np.ndarray, of_255: bool = False) -> np.ndarray:
    """Return the constant coefficients (N,3) of the columns red, green, blue. of_255: floats are in 0..255."""
    return to_sh0(_shares(columns_of(body, COLOR), body.dtype[COLOR[0]], of_255))


def log_scales_of(body: np.ndarray) -> np.ndarray:
    """Return the log scales (N,3); -infinity along the third axis of discs."""
    names = body.dtype.names or ()
    scales = columns_of(body, tuple(name for name in SCALE if name in names))
    if SCALE[2] in names:
        return scales
    return np.concatenate([scales, np.full((len(scales), 1), -np.inf, np.float32)], 1)


def whole_degrees(path: Path, rest: tuple[str, ...]) -> int:
    """Return how many of the coefficients a colour of properties f_rest_* are read: whole degrees up to 3.

    Raises SplatFileError if their number cannot be divided among three channels.
    """
    if len(rest) % 3:
        raise SplatFileError(
            f"{path} has {len(rest)} properties f_rest_*, which are not as many for each of red, green and blue; "
            "export it again"
        )
    return max(count for count in (0, 3, 8, 15) if count <= len(rest) // 3)


def harmonics_of(body: np.ndarray, rest: tuple[str, ...], used: int) -> np.ndarray:
    """Return shN (N,K,3), the first K = `used` coefficients of properties f_rest_*."""
    # Channel-major: coefficient k of a channel is at channel * stored + k.
    stored = len(rest) // 3
    names = tuple(rest[channel * stored + k] for k in range(used) for channel in range(3))
    return columns_of(body, names).reshape(len(body), used, 3)
