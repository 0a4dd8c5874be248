"""The splat in a folder: what a training program leaves behind, or a format of several files.

    point_cloud/iteration_N/point_cloud.ply   3D Gaussian Splatting and its descendants (with cfg_args, cameras.json)
    ply/point_cloud_N.ply                     gsplat's example trainer
    export_N.ply, splat_N.ply, splat.ply      brush, LichtFeld Studio, nerfstudio's export: the folder itself
    lod-meta.json                             streamed SOG (`formats.parts.streamed_sog`)
    meta.json                                 SOG, not packed
    splats.ply                                a run of splatseg
    part_1_of_8.ply, tile_0_3.spz, ...        parts of one splat (`PARTS`): the folder itself

Of names that differ in a number alone the highest is taken, if they are no parts. A folder of
nerfstudio's training (config.yml, nerfstudio_models) holds no splat yet; the command that exports it is told.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from pathlib import Path

from splatseg.errors import SplatFileError
from splatseg.formats.gaussforge import sog_pictures

LOD_META = "lod-meta.json"
"""Index of a streamed SOG."""

_PLACES = ("point_cloud", "ply", ".")
"""Folders within a folder that hold splats, the most telling first."""

_NUMBER = re.compile(r"\d+(?!.*\d)")
"""The last number of a name."""

PARTS = re.compile(r"(?:^|[^a-z])(?:part|chunk|tile|block|cell|shard)s?[^a-z]*\d", re.IGNORECASE)
"""Names of the parts of one splat: part_3, scene.chunk-12, tile_0_5."""

_OF = re.compile(r"(\d+)[-_. ]?of[-_. ]?(\d+)(?!.*\d)", re.IGNORECASE)
"""Number of a part, and how many there are."""

_COUNTED = re.compile(r"\D*(?:part|chunk|shard)s?\D*(\d+)\D*", re.IGNORECASE)
"""Names of parts with one number."""

NOT_SPLATS = ("input.ply", "sparse_pc.ply", "points3d.ply", "color.ply")
"""Point clouds that lie beside splats."""


def splat_in(folder: Path, suffixes: Collection[str]) -> Path | None:
    """Return the file of the splat in a folder, the folder itself if it is one of parts; None if it holds none.

    suffixes: lower-case suffixes of splat files. Raises SplatFileError if there are several splats and no number tells
    which is the last, and for a folder of nerfstudio's training.
    """
    if (folder / "config.yaml").exists():
        return folder / "splats.ply" if (folder / "splats.ply").is_file() else None
    if (folder / LOD_META).is_file():
        return folder / LOD_META
    if sog_pictures(folder / "meta.json"):
        return folder / "meta.json"
    if parts_in(folder, suffixes):
        return folder
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


def parts_in(folder: Path, suffixes: Collection[str]) -> list[Path] | None:
    """Return the files of a folder whose splat files are the parts of one splat, in the natural order of their names.

    None if they are something else. Raises SplatFileError for a part that is missing, a link to nowhere, or one that
    is there twice.
    """
    if not folder.is_dir() or (folder / "config.yaml").exists():
        return None
    found = [
        file for file in folder.iterdir() if _named_as_splat(file, suffixes) and (file.is_symlink() or file.is_file())
    ]
    if not found or not all(PARTS.search(file.stem) for file in found):
        return None
    found.sort(key=natural)
    seen = dict[tuple[int, int], Path]()
    for file in found:
        if not file.is_file():
            raise SplatFileError(f"{file} is a link to {file.readlink()}, which is no file; put the part in its place")
        facts = file.stat()
        twin = seen.setdefault((facts.st_dev, facts.st_ino), file)
        if twin != file:
            raise SplatFileError(
                f"{twin} and {file} are one file, so its Gaussians would be there twice; remove a link"
            )
    _check_all_there(folder, found)
    return found


def warn_of_gaps(found: list[Path]) -> None:
    """Warn of numbers that are left out by parts that are numbered one by one: tiles and cells may well be empty."""
    numbers = [int(match[1]) for file in found if (match := _COUNTED.fullmatch(file.stem))]
    if not numbers or len(numbers) < len(found):
        return
    missing = sorted(set(range(min(*numbers, 1), max(numbers))) - set(numbers))
    if missing:
        said = (
            f"{found[0].parent} has {found[-1].name} and no part {missing[0]}; if there is one, copy it into the folder"
        )
        warnings.warn(said, stacklevel=3)


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Return the key by which names are ordered as people order them: part_2 before part_10."""
    words = re.split(r"(\d+)", path.name.lower())
    return [(0, int(word), word) if word.isdecimal() else (1, 0, word) for word in words]


def _check_all_there(folder: Path, found: list[Path]) -> None:
    """Raise SplatFileError if parts that are called "3 of 8" are not 8."""
    numbers = [(int(match[1]), int(match[2])) for file in found if (match := _OF.search(file.stem))]
    if not numbers:
        return
    (total, *others), present = sorted({total for _, total in numbers}), {number for number, _ in numbers}
    first = min(present) if min(present) in (0, 1) else 1
    if others or len(numbers) != len(found):
        raise SplatFileError(f"{folder} holds parts of several splats; keep those of one")
    missing = [number for number in range(first, first + min(total, len(found) + 1)) if number not in present]
    if missing:
        raise SplatFileError(f"{folder} lacks part {missing[0]} of {total}; copy it into the folder")


def _named_as_splat(file: Path, suffixes: Collection[str]) -> bool:
    """Tell whether the name of a file is one of a splat."""
    plain = file.name.lower()
    return file.suffix.lower() in suffixes and plain not in NOT_SPLATS and not plain.startswith(".")


def _splats(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the splat files of a folder, those of its folders iteration_N first."""
    if not folder.is_dir():
        return []
    steps = [file for step in folder.glob("iteration_*") if (file := step / "point_cloud.ply").is_file()]
    return steps or [file for file in folder.iterdir() if _named_as_splat(file, suffixes) and file.is_file()]


def _last(folder: Path, found: list[Path]) -> Path:
    """Return the only file, or the one with the highest number. Raises SplatFileError if no number tells."""
    names = {file: file.relative_to(folder).as_posix() for file in found}
    if len(found) > 1 and len({_NUMBER.sub("", name, count=1) for name in names.values()}) > 1:
        listed = ", ".join(sorted(names.values())[:4]) + (", …" if len(names) > 4 else "")
        raise SplatFileError(
            f"{folder} holds several splats ({listed}); give the file of one, or call the "
            "parts of one splat part_1, part_2 and so on"
        )
    last = max(found, key=lambda file: (_number(names[file]), names[file]))
    if len(found) > 1:
        warnings.warn(f"{folder} holds {len(found)} splats; the last one is taken, {names[last]}", stacklevel=4)
    return last


def _number(name: str) -> int:
    match = _NUMBER.search(name)
    return int(match[0]) if match else -1
