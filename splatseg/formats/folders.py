"""The splat in a folder: what a training program leaves behind, or a format of several files.

    point_cloud/iteration_N/point_cloud.ply   3D Gaussian Splatting and its descendants (with cfg_args, cameras.json)
    ply/point_cloud_N.ply                     gsplat's example trainer
    export_N.ply, splat_N.ply, splat.ply      brush, LichtFeld Studio, nerfstudio's export: the folder itself
    meta.json                                 SOG, not packed
    splats.ply                                a run of splatseg

Of names that differ in a number alone the highest is taken. A folder of nerfstudio's training (config.yml,
nerfstudio_models) holds no splat yet; the command that exports it is told.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from pathlib import Path

from splatseg.errors import SplatFileError
from splatseg.formats.gaussforge import sog_pictures

_PLACES = ("point_cloud", "ply", ".")
"""Folders within a folder that hold splats, the most telling first."""

_NUMBER = re.compile(r"\d+(?!.*\d)")
"""The last number of a name."""

NOT_SPLATS = ("input.ply", "sparse_pc.ply", "points3d.ply", "color.ply")
"""Point clouds that lie beside splats."""


def splat_in(folder: Path, suffixes: Collection[str]) -> Path | None:
    """Return the file of the splat in a folder; None if it holds none.

    suffixes: lower-case suffixes of splat files. Raises SplatFileError if there are several splats and no number tells
    which is the last, and for a folder of nerfstudio's training.
    """
    if (folder / "config.yaml").exists():
        return folder / "splats.ply" if (folder / "splats.ply").is_file() else None
    if sog_pictures(folder / "meta.json"):
        return folder / "meta.json"
    for place in _PLACES:
        found = _splats(folder / place, suffixes)
        if found:
            return _last(folder, found)
    if (folder / "config.yml").is_file() and (folder / "nerfstudio_models").is_dir():
        raise SplatFileError(
            f"{folder} is a folder of nerfstudio's training, whose splat is not exported yet; run `ns-export "
            f"gaussian-splat --load-config {folder / 'config.yml'} --output-dir DIR` and give DIR/splat.ply"
        )
    return None


def _splats(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the splat files of a folder, those of its folders iteration_N first."""
    if not folder.is_dir():
        return []
    steps = [file for step in folder.glob("iteration_*") if (file := step / "point_cloud.ply").is_file()]
    return steps or [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in suffixes
        and file.name.lower() not in NOT_SPLATS
        and not file.name.startswith(".")
        and file.is_file()
    ]


def _last(folder: Path, found: list[Path]) -> Path:
    """Return the only file, or the one with the highest number. Raises SplatFileError if no number tells."""
    names = {file: file.relative_to(folder).as_posix() for file in found}
    if len(found) > 1 and len({_NUMBER.sub("", name, count=1) for name in names.values()}) > 1:
        listed = ", ".join(sorted(names.values())[:4]) + (", …" if len(names) > 4 else "")
        raise SplatFileError(f"{folder} holds several splats ({listed}); give the file of one")
    last = max(found, key=lambda file: (_number(names[file]), names[file]))
    if len(found) > 1:
        warnings.warn(f"{folder} holds {len(found)} splats; the last one is taken, {names[last]}", stacklevel=4)
    return last


def _number(name: str) -> int:
    match = _NUMBER.search(name)
    return int(match[0]) if match else -1
