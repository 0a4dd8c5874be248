"""The rows of a splat's PLY file as Gaussians, any range of them to the same bits as all at once.

What is of the whole file and not of a row, `Forms` says; `formats.ply.forms` finds it. Names and forms of columns are
those of `columns`, what changes the meaning of others that of `meaning`. Alphabet: N rows; K harmonics; F features.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.errors import SplatFileError
from splatseg.formats.ply.body import Body, find_body
from splatseg.formats.ply.columns import (
    ALPHA,
    COLOR,
    CONSTANT,
    GEOMETRY,
    POSITION,
    REQUIRED,
    ROTATION,
    SCALE,
    colors_of,
    columns_of,
    harmonics_of,
    known_names,
    log_scales_of,
    opacities_of,
    opacity_name,
    splat_element,
    whole_degrees,
)
from splatseg.formats.ply.header import TYPE_NAMES, Header
from splatseg.formats.ply.meaning import (
    filter_name,
    filtered,
    is_antialiased,
    warn_of_antialiasing,
    warn_of_colors,
    warn_of_discs,
    warn_of_harmonics,
    warn_of_speaking,
    world_of,
)
from splatseg.splats.blocks import What
from splatseg.splats.stored import StoredSplats

NORMAL = ("nx", "ny", "nz")

FEATURE_PREFIXES = ("f_seg_", "obj_dc_", "semantic_", "f_")
"""Prefixes of features, in order: CGC; Gaussian Grouping and OmniSeg3D; Feature 3DGS; SAGA. `f_0` is SAGA's, `f_dc_0`
and `f_rest_0` are colour."""


@dataclass(frozen=True)
class Forms:
    """Facts that only all rows of a file together tell."""

    bright_colors: bool = False
    """True if floats red, green, blue are in 0..255."""
    bright_opacities: bool = False
    """True if floats of a column "alpha" are in 0..255."""
    coordinates: Coordinates = OWN
    """The user's own coordinates of the world that positions are given in, or moved into."""
    moved: bool = False
    """True if positions in own coordinates are moved into that world."""


@dataclass(frozen=True, eq=False)
class PlyTable:
    """A splat's PLY file whose properties are known, and whose rows are not read yet."""

    body: Body
    """Rows of the file, their columns under known names."""
    antialiased: bool
    """True if comments say that the splat was fitted for anti-aliased rendering."""
    world: Coordinates | None
    """World that a comment says positions are in."""
    rest: tuple[str, ...]
    """Properties of harmonics beyond the constant."""
    harmonics: int
    """Coefficients a colour that are read of them."""
    features: tuple[str, ...]
    """Properties of features."""
    smoothed: str | None
    """Property with the width of a filter."""
    extras: tuple[str, ...]
    """Properties that are carried along."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.body.path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all properties, known ones under the names used here."""
        return self.body.dtype.names or ()

    @property
    def in_rgb(self) -> bool:
        """True if colours are red, green, blue."""
        return _in_rgb(self.names)

    @property
    def linear_opacities(self) -> bool:
        """True if opacities are themselves, and not logits."""
        name = opacity_name(self.names)
        return self.body.dtype[name].kind != "f" or name == ALPHA

    @property
    def doubles(self) -> bool:
        """True if positions are in own coordinates and may need a world, since they are doubles."""
        return self.world is None and all(self.body.dtype[name].type is np.float64 for name in POSITION)

    def log_scales(self, body: np.ndarray) -> np.ndarray:
        """Return the log scales (n,3) of rows, with a filter put in."""
        return self.stored(body, Forms(), "geometry").log_scales

    def stored(self, body: np.ndarray, forms: Forms, what: What = "all") -> StoredSplats:
        """Return rows as Gaussians, finite or not.

        Raises SplatFileError for a segment id that is none.
        """
        opacities, linear = opacities_of(body, forms.bright_opacities)
        colors, whole = what != "geometry", what == "all"
        stored = StoredSplats(
            means=columns_of(body, POSITION),
            quats=columns_of(body, ROTATION),
            scales=log_scales_of(body),
            opacities=opacities,
            sh0=self._constant(body, forms) if colors else np.zeros((len(body), 3), np.float32),
            shN=harmonics_of(body, self.rest, self.harmonics if colors else 0),
            features=columns_of(body, self.features) if whole and self.features else None,
            segment_ids=ids_of(self.path, body) if whole and "segment_id" in self.names else None,
            extras={name: _native(body[name]) for name in self.extras} if whole else {},
            antialiased=self.antialiased,
            coordinates=forms.coordinates,
            linear_opacities=linear,
        )
        if self.smoothed is not None:
            stored = filtered(stored, body[self.smoothed], len(SCALE) if SCALE[2] in self.names else 2)
        return _moved(stored, body, forms.coordinates) if forms.moved else stored

    def warn(self) -> None:
        """Warn of all that its properties say is not read as it stands."""
        if self.antialiased:
            warn_of_antialiasing(self.path)
        if self.features and not (self.in_rgb or _colored(self.names, self.features)):
            warnings.warn(
                f"{self.path} has features and no colours (no {CONSTANT[0]}); its Gaussians are grey", stacklevel=3
            )
        if SCALE[2] not in self.names:
            warn_of_discs(self.path)
        if self.in_rgb:
            warn_of_colors(self.path)
        if self.harmonics < len(self.rest) // 3:
            warn_of_harmonics(self.path, len(self.rest) // 3, self.harmonics)
        if self.smoothed is not None:
            said = f"the smoothing {self.smoothed} of {self.path} is put into its scales and opacities"
            warnings.warn(said, stacklevel=3)
        warn_of_speaking(self.path, self.extras)

    def _constant(self, body: np.ndarray, forms: Forms) -> np.ndarray:
        """Return the constant coefficients (n,3) of rows; zeros of a file without colours."""
        if self.in_rgb:
            return colors_of(body, forms.bright_colors)
        if _colored(self.names, self.features):
            return columns_of(body, CONSTANT)
        return np.zeros((len(body), 3), np.float32)


def open_table(path: Path, header: Header) -> PlyTable | None:
    """Return the table of a splat's PLY file; None if its Gaussians are packed (`formats.compressed_ply`).

    Raises SplatFileError for anything but a complete splat.
    """
    body = find_body(path, header, splat_element(header))
    names = known_names(body.dtype.names or ())
    kinds = [body.dtype[i] for i in range(len(names))]
    if "packed_position" in names:
        return None
    dtype = np.dtype(list(zip(names, kinds, strict=True)))
    body = dataclasses.replace(body, dtype=dtype, parsed=None if body.parsed is None else body.parsed.view(dtype))
    rest = _family(path, names, "f_rest_")
    features = next((family for prefix in FEATURE_PREFIXES if (family := _family(path, names, prefix))), ())
    in_rgb = _in_rgb(names)
    required = {*(REQUIRED if _colored(names, features) and not in_rgb else GEOMETRY)} - {SCALE[2]}
    in_alpha = "opacity" not in names and ALPHA in names
    _check_required(path, names, [name for name in REQUIRED if name in required - ({"opacity"} if in_alpha else set())])
    smoothed = filter_name(names)
    known = {*REQUIRED, *NORMAL, *rest, *features, "segment_id", smoothed, *(COLOR if in_rgb else ())}
    known |= {ALPHA} if in_alpha else set()
    return PlyTable(
        body=body,
        antialiased=is_antialiased(header.comments),
        world=world_of(header.comments),
        rest=rest,
        harmonics=whole_degrees(path, rest),
        features=features,
        smoothed=smoothed,
        extras=tuple(name for name in names if name not in known),
    )


def _moved(stored: StoredSplats, body: np.ndarray, coordinates: Coordinates) -> StoredSplats:
    """Return Gaussians whose positions in the file are in own coordinates, doubles, in a world."""
    means = doubles_of(body)
    with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32 become infinite
        means = coordinates.inwards(means).astype(np.float32)
    scales = stored.scales if coordinates.is_own else stored.scales - np.float32(math.log(coordinates.scale))
    return dataclasses.replace(stored, means=means, scales=scales)


def doubles_of(body: np.ndarray) -> np.ndarray:
    """Return the positions (n,3) float64 of rows."""
    return np.stack([np.asarray(body[name], np.float64) for name in POSITION], axis=1)


def _in_rgb(names: Sequence[str]) -> bool:
    return CONSTANT[0] not in names and all(name in names for name in COLOR)


def _colored(names: Sequence[str], features: Sequence[str]) -> bool:
    """Tell whether a file has colours, in one of both forms or not: one of features alone has none."""
    return any(name in names for name in CONSTANT) or not features


def _check_required(path: Path, names: tuple[str, ...], required: Sequence[str]) -> None:
    """Raise SplatFileError if a required property is missing."""
    if any(name.startswith("f_anchor_") for name in names):
        raise SplatFileError(
            f"{path} holds anchors of Scaffold-GS (f_anchor_*), of which a network makes the Gaussians of each view; "
            "give a splat of a method that stores its Gaussians"
        )
    missing = [name for name in required if name not in names]
    if not missing:
        return
    what = (
        "is a splat in parts" if any(name in names for name in (*SCALE, *ROTATION)) else "is a point cloud, not a splat"
    )
    listed = ", ".join(missing[:4]) + (", …" if len(missing) > 4 else "")
    raise SplatFileError(f"{path} {what}: no {listed}; give a .ply written by a Gaussian splatting program")


def _family(path: Path, names: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Return the properties prefix0, prefix1, ... by number. Raises SplatFileError if one of them is missing."""
    numbered = {name for name in names if name.startswith(prefix) and name[len(prefix) :].isdecimal()}
    family = tuple(f"{prefix}{i}" for i in range(len(numbered)))
    missing = [name for name in family if name not in numbered]
    if missing:
        raise SplatFileError(f"{path} has {len(numbered)} properties {prefix}* but no {missing[0]}; export it again")
    return family


def ids_of(path: Path, body: np.ndarray) -> np.ndarray:
    """Return the segment ids (N,) int32. Raises SplatFileError if a value is not an id."""
    values = np.asarray(body["segment_id"], np.float64)
    if not ((values >= 0) & (values < 2**31) & (values == np.floor(values))).all():
        raise SplatFileError(
            f"{path} has a segment_id that is not a whole number from 0 to {2**31 - 1}; export it again"
        )
    return values.astype(np.int32)


def _native(column: np.ndarray) -> np.ndarray:
    """Return a copy of a column in this machine's byte order, of a type that PLY knows."""
    kind = column.dtype.newbyteorder("=")
    if kind.str[1:] not in TYPE_NAMES:  # half floats and whole numbers of 64 bits, which some programs add to PLY
        kind = np.dtype(np.float32 if kind.itemsize == 2 else np.float64)
    return np.array(column, dtype=kind)
