"""Reading of splats in any supported format; Gaussians that are not finite are dropped and counted.

Opacities of exactly 0 and 1 and scales of exactly 0 have infinite parameters, which files do hold: they are taken at
the limits of `splats.activations`, and only what is NaN, or has no finite place, turn or colour, is dropped.

All formats are read into arrays (`splats.stored`), without torch; `load_splats` makes tensors of them.
"""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.folders import LOD_META, parts_in, splat_in
from splatseg.formats.gaussforge import read_ksplat, read_sog, read_sog_folder, read_spz, sog_pictures
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.sidecar import read_sidecar
from splatseg.formats.splat import read_splat
from splatseg.splats.activations import are_huge
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

READERS = {".ply": read_ply, ".splat": read_splat, ".spz": read_spz, ".sog": read_sog, ".ksplat": read_ksplat}
"""Readers by suffix."""

SOG_META = "meta.json"
"""File of a SOG that is not packed."""

PARTED = "parts"
"""Folder of the parts of one splat (`formats.folders.PARTS`)."""

IN_BLOCKS = (PARTED, LOD_META)
"""Kinds of several files, which `formats.parts` reads."""


def describe_dropped(path: Path, dropped: int) -> str:
    """Return the warning of a file whose `load_splats` dropped Gaussians."""
    return f"{dropped:,} Gaussians of {path.name} are not finite (NaN or infinite) and were left out"


def load_splats(path: Path) -> tuple[Splats, int]:
    """Read a splat in a format of `READERS`, by content and suffix: the finite Gaussians, and the number dropped.

    path: a file, or a folder with a splat (`formats.folders`). Segment ids in a sidecar next to the file
    (`formats.sidecar`) are read too. A Gaussian is dropped if any of its parameters is NaN, or infinite where nothing
    has that meaning. Warns of what is not read as it stands. Raises SplatFileError for a format that is not supported,
    for a damaged file, and for a file without a single finite Gaussian.

    Example:
        >>> splats, left_out = splatseg.load_splats(run.path / "splats.ply")
        >>> len(splats) == len(scene.splats), left_out
        (True, 0)
    """
    from splatseg.splats.splats import splats_of  # noqa: PLC0415 (it imports torch, which `read_splats` does without)

    stored, dropped = read_splats(path)
    return splats_of(stored), dropped


def read_splats(path: Path) -> tuple[StoredSplats, int]:
    """Read a splat as `load_splats` does, into arrays: the finite Gaussians, and the number dropped."""
    path = find_splat(path)
    if format_suffix(path) in IN_BLOCKS:
        from splatseg.formats.parts.opening import open_blocks  # noqa: PLC0415 (it reads the files by this module)

        blocks = open_blocks(path)
        return blocks.whole(), blocks.dropped
    stored, huge, still = bounded(read_whole(path))
    warn_of_bounds(path, huge, still)
    finite = stored.finite()
    dropped = len(stored) - int(finite.sum())
    check_finite(path, len(stored), dropped)
    return (stored.subset(finite) if dropped else stored), dropped


def read_whole(path: Path) -> StoredSplats:
    """Read all Gaussians of a file and its sidecar, finite or not, as they stand. Raises as `load_splats`."""
    kind = format_suffix(path)
    stored = read_sog_folder(path) if kind == SOG_META else READERS[kind](path)
    if stored.segment_ids is None:
        beside = read_sidecar(path, len(stored))
        if beside is not None:
            stored = dataclasses.replace(stored, segment_ids=beside[0], coordinates=beside[1])
    return stored


def check_finite(path: Path, count: int, dropped: int) -> None:
    """Raise SplatFileError if a splat has no Gaussians, or all of them are dropped."""
    if not count:
        raise SplatFileError(f"{path} holds no Gaussians; export the splat again")
    if dropped == count:
        raise SplatFileError(f"{path} has {count} Gaussians and none of them is finite; export the splat again")


def find_splat(path: Path) -> Path:
    """Return the file of a splat, given that file or a folder with one; a folder of parts is a splat itself.

    Raises SplatFileError if there is none.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = splat_in(path, READERS)
    if found is None:
        raise SplatFileError(f"{path} is a folder without a splat; give a file ({_listed()})")
    return found


def holds_splat(path: Path) -> bool:
    """Tell whether a path is a file, or a folder that holds a splat and is no run. Raises as `find_splat` does."""
    path = Path(path)
    return not path.is_dir() or (not (path / "config.yaml").exists() and splat_in(path, READERS) is not None)


def format_suffix(path: Path) -> str:
    """Return the suffix of the format of a file, by its first bytes and its name; `SOG_META` for a SOG not packed.

    `IN_BLOCKS` for a splat of several files. Raises SplatFileError if there is no file, or it is of no format that is
    read.
    """
    if path.is_dir() and parts_in(path, READERS):
        return PARTED
    if not path.is_file():
        raise SplatFileError(f"there is no file {path}; check the path")
    with path.open("rb") as file:
        if file.read(3) == b"ply" and path.suffix.lower() != ".splat":
            return ".ply"
    if path.suffix.lower() in READERS:
        return path.suffix.lower()
    if path.name == LOD_META:
        return LOD_META
    if path.suffix.lower() == ".json" and sog_pictures(path):
        return SOG_META
    if path.suffix.lower() in (".ckpt", ".pt", ".pth", ".yml"):
        raise SplatFileError(
            f"{path} is of a training ({path.suffix}), not a splat; export a .ply with the program that made it (for "
            "nerfstudio: `ns-export gaussian-splat`)"
        )
    if (path.parent / "config.yaml").is_file():
        raise SplatFileError(f"{path} is no splat but a file of the run {path.parent}; give the run itself")
    raise SplatFileError(
        f"{path} is of a kind that is not supported ({path.suffix or 'no suffix'}); convert it to {_listed()}"
    )


def _listed() -> str:
    *most, last = READERS
    return f"{', '.join(most)} or {last}"


def bounded(stored: StoredSplats) -> tuple[StoredSplats, int, int]:
    """Return rows with finite opacities and scales, and a turn for quaternions of zero, which have none.

    Also: the number of Gaussians with infinite scales, and of those that had no turn.
    """
    huge = 0 if stored.linear_scales else int(are_huge(stored.scales).any(1).sum())
    still = (stored.quats == 0).all(1)
    if still.any():
        unturned = np.array([1.0, 0.0, 0.0, 0.0], np.float32)
        stored = dataclasses.replace(stored, quats=np.where(still[:, None], unturned, stored.quats))
    return stored.bounded(), huge, int(still.sum())


def warn_of_bounds(path: Path, huge: int, still: int) -> None:
    """Warn of what `bounded` has changed in the rows of a splat."""
    if huge:
        warnings.warn(f"{huge:,} Gaussians of {path.name} have infinite scales; they are read as huge", stacklevel=4)
    if still:
        warnings.warn(
            f"{still:,} Gaussians of {path.name} have a quaternion of zeros; they are read as not turned", stacklevel=4
        )
