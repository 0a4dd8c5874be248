"""Reading of splats in any supported format; Gaussians that are not finite are dropped and counted.

Opacities of exactly 0 and 1 and scales of exactly 0 have infinite parameters, which files do hold: they are taken at
the limits of `splats.activations`, and only what is NaN, or has no finite place, turn or colour, is dropped.
"""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import torch
from torch import Tensor

from splatseg.errors import SplatFileError
from splatseg.formats.folders import splat_in
from splatseg.formats.gaussforge import read_ksplat, read_sog, read_sog_folder, read_spz, sog_pictures
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.sidecar import read_sidecar
from splatseg.formats.splat import read_splat
from splatseg.splats.activations import with_finite_logits, with_finite_scales
from splatseg.splats.splats import Splats

READERS = {".ply": read_ply, ".splat": read_splat, ".spz": read_spz, ".sog": read_sog, ".ksplat": read_ksplat}
"""Readers by suffix."""

SOG_META = "meta.json"
"""File of a SOG that is not packed."""


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
    path = find_splat(path)
    kind = _kind(path)
    splats = _bounded(path, read_sog_folder(path) if kind == SOG_META else READERS[kind](path))
    if splats.segment_ids is None:
        beside = read_sidecar(path, len(splats))
        if beside is not None:
            splats = dataclasses.replace(splats, segment_ids=beside[0], coordinates=beside[1])
    finite = _finite(splats)
    dropped = len(splats) - int(finite.sum())
    if dropped == len(splats):
        raise SplatFileError(f"{path} has {len(splats)} Gaussians and none of them is finite; export the splat again")
    return (splats.subset(finite) if dropped else splats), dropped


def find_splat(path: Path) -> Path:
    """Return the file of a splat, given that file or a folder with one. Raises SplatFileError if there is none."""
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


def _kind(path: Path) -> str:
    """Return the suffix of the format of a file. Raises SplatFileError if there is none."""
    if not path.is_file():
        raise SplatFileError(f"there is no file {path}; check the path")
    with path.open("rb") as file:
        if file.read(3) == b"ply" and path.suffix.lower() != ".splat":
            return ".ply"
    if path.suffix.lower() in READERS:
        return path.suffix.lower()
    if path.suffix.lower() == ".json" and sog_pictures(path):
        return SOG_META
    if path.suffix.lower() in (".ckpt", ".pt", ".pth", ".yml"):
        raise SplatFileError(
            f"{path} is of a training ({path.suffix}), not a splat; export a .ply with the program that made it (for "
            "nerfstudio: `ns-export gaussian-splat`)"
        )
    raise SplatFileError(
        f"{path} is of a kind that is not supported ({path.suffix or 'no suffix'}); convert it to {_listed()}"
    )


def _listed() -> str:
    *most, last = READERS
    return f"{', '.join(most)} or {last}"


def _bounded(path: Path, splats: Splats) -> Splats:
    """Return the splat with finite opacities and scales, and a turn for quaternions of zero, which have none."""
    huge = int(splats.log_scales.exp().isinf().any(1).sum())
    if huge:
        warnings.warn(f"{huge:,} Gaussians of {path.name} have infinite scales; they are read as huge", stacklevel=3)
    still = (splats.quats == 0).all(1)
    if still.any():
        warnings.warn(
            f"{int(still.sum()):,} Gaussians of {path.name} have a quaternion of zeros; they are read as not turned",
            stacklevel=3,
        )
    return dataclasses.replace(
        splats,
        quats=torch.where(still[:, None], splats.quats.new_tensor([1.0, 0.0, 0.0, 0.0]), splats.quats),
        log_scales=with_finite_scales(splats.log_scales),
        opacity_logits=with_finite_logits(splats.opacity_logits),
    )


def _finite(splats: Splats) -> Tensor:
    """Return (N,) bool: every parameter is finite."""
    groups = [splats.means, splats.quats, splats.log_scales, splats.sh0, splats.shN.flatten(1)]
    groups.append(splats.opacity_logits[:, None])
    if splats.features is not None:
        groups.append(splats.features)
    # 0 times a number is 0, 0 times NaN or infinity is NaN. This is several times faster than isfinite().all(1).
    return torch.stack([(values * 0).sum(1) == 0 for values in groups]).all(0)
