"""Reading of splats in any supported format; Gaussians that are not finite are dropped and counted."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from splatseg.errors import SplatFileError
from splatseg.formats.gaussforge import read_ksplat, read_sog, read_spz
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.sidecar import read_sidecar
from splatseg.formats.splat import read_splat
from splatseg.splats.splats import Splats

READERS = {".ply": read_ply, ".splat": read_splat, ".spz": read_spz, ".sog": read_sog, ".ksplat": read_ksplat}
"""Readers by suffix."""


def describe_dropped(path: Path, dropped: int) -> str:
    """Return the warning of a file whose `load_splats` dropped Gaussians."""
    return f"{dropped:,} Gaussians of {path.name} are not finite (NaN or infinite) and were left out"


def load_splats(path: Path) -> tuple[Splats, int]:
    """Read a splat in a format of `READERS`, by content and suffix: the finite Gaussians, and the number dropped.

    Segment ids in a sidecar next to the file (`formats.sidecar`) are read too. A Gaussian is dropped if any of its
    parameters, or its linear scale, is NaN or infinite. Raises SplatFileError for a format that is not supported, for a
    damaged file, and for a file without a single finite Gaussian.

    Example:
        >>> splats, left_out = splatseg.load_splats(run.path / "splats.ply")
        >>> len(splats) == len(scene.splats), left_out
        (True, 0)
    """
    path = Path(path)
    splats = READERS[_kind(path)](path)
    if splats.segment_ids is None:
        splats = splats.replace(segment_ids=read_sidecar(path, len(splats)))
    finite = _finite(splats)
    dropped = len(splats) - int(finite.sum())
    if dropped == len(splats):
        raise SplatFileError(f"{path} has {len(splats)} Gaussians and none of them is finite; export the splat again")
    return (splats.subset(finite) if dropped else splats), dropped


def _kind(path: Path) -> str:
    """Return the suffix of the format of a file. Raises SplatFileError if there is none."""
    if path.is_dir():
        raise SplatFileError(f"{path} is a folder; give a file ({_listed()})")
    if not path.is_file():
        raise SplatFileError(f"there is no file {path}; check the path")
    with path.open("rb") as file:
        if file.read(3) == b"ply" and path.suffix.lower() != ".splat":
            return ".ply"
    if path.suffix.lower() in READERS:
        return path.suffix.lower()
    raise SplatFileError(
        f"{path} is of a kind that is not supported ({path.suffix or 'no suffix'}); convert it to {_listed()}"
    )


def _listed() -> str:
    *most, last = READERS
    return f"{', '.join(most)} or {last}"


def _finite(splats: Splats) -> Tensor:
    """Return (N,) bool: every parameter is finite, and so are the linear scales."""
    groups = [splats.means, splats.quats, splats.log_scales, splats.scales, splats.sh0, splats.shN.flatten(1)]
    groups.append(splats.opacity_logits[:, None])
    if splats.features is not None:
        groups.append(splats.features)
    # 0 times a number is 0, 0 times NaN or infinity is NaN. This is several times faster than isfinite().all(1).
    return torch.stack([(values * 0).sum(1) == 0 for values in groups]).all(0)
