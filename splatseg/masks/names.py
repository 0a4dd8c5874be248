"""The masks of a view among the files of a folder or data set: one file, or several, each with a mask.

One file belongs to a view by its name (`capture.matching`). Several files of one view are

* in a folder named like the view: <view>/0.png, as segment-anything's scripts/amg.py writes them;
* or numbered: <view>_0.png, <view>_1.png;
* or in a folder for each object, and no other: <object>/<view>.png, <object>/masks/<view>.png;
* or named after objects: <view>_mug.png, table_<view>.png. If words say what files hold, those of masks count alone:
  <view>_mask.png and not <view>_overlay.png, <view>_s.npy and not <view>_f.npy (LangSplat).

Keys are paths inside the folder without suffix.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from splatseg.capture.images import stem_of
from splatseg.capture.matching import affixed_names, match_names, match_strictly

_OF_MASKS = ("masks", "mask")
"""Folders of masks beside others in the folder of a view."""

_FOR_MASKS = {
    *(
        "mask",
        "masks",
        "instance",
        "instances",
        "instanceid",
        "instanceids",
        "inst",
        "seg",
        "segs",
        "segment",
        "segments",
    ),
    *("segmentation", "segmentations", "label", "labels", "id", "ids", "sam", "s"),
}
"""Words in names of files of masks."""

_BESIDE_MASKS = {
    *(
        "img",
        "image",
        "images",
        "rgb",
        "photo",
        "raw",
        "input",
        "color",
        "colors",
        "colour",
        "colours",
        "colored",
        "viz",
    ),
    *(
        "vis",
        "visualization",
        "visualisation",
        "overlay",
        "overlays",
        "blend",
        "blended",
        "annotated",
        "result",
        "depth",
    ),
    *("normal", "normals", "class", "classes", "semantic", "semantics", "labelids", "polygons", "bbox", "boxes", "f"),
    *("feature", "features", "confidence", "score", "scores", "names"),
}
"""Words in names of files beside those of masks."""

_WORD = re.compile(r"[^\W\d_]+")

_NUMBERED = re.compile(r"(.+?)[_.-](?:(?:mask|object|obj|segment|seg|instance|id)[_.-]?)?(\d+)$", re.IGNORECASE)
"""A name and the number of one of its masks."""


def folders_of_views(names: Sequence[str], keys: Collection[str], by_words: bool = False) -> dict[str, tuple[str, ...]]:
    """Return the keys in the folder that has the name of a view, by view; keys of folders in it count (000/masks/1).

    by_words: match folders by the last rule of `capture.matching` too, by which that of object 1 is the view "00001".
    """
    inside: dict[str, list[str]] = {}
    for key in keys:
        folder = _folder(key)
        while folder:
            inside.setdefault(folder, []).append(key)
            folder = _folder(folder)
    found = match_strictly(names, inside) or match_names(names, inside, by_words)
    views = {name: _one_folder(inside[folder]) for name, folder in found.items()}
    return {name: keys for name, keys in views.items() if keys}


def folders_of_objects(
    names: Sequence[str], keys: Collection[str], by_words: bool = False
) -> dict[str, tuple[str, ...]]:
    """Return the keys of each view if every key is <object>/<view>: a folder an object, the same views in each.

    by_words: as in `folders_of_views`.
    """
    known = set(keys)
    folders = {tuple(_folder(key).split("/")) for key in known}
    if any(stem_of(name) in known or name in known for name in names):
        return {}
    if len(folders) < 2 or ("",) in folders or len(set(map(len, folders))) > 1:
        return {}
    if sum(len(set(level)) > 1 for level in zip(*folders, strict=True)) != 1:
        return {}
    by_name: dict[str, list[str]] = {}
    for key in sorted(known):
        by_name.setdefault(key.rpartition("/")[2], []).append(key)
    found = {name: tuple(by_name[last]) for name, last in match_names(names, by_name, by_words).items()}
    return found if any(len(several) > 1 for several in found.values()) else {}


def names_with_objects(names: Sequence[str], keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys of each view whose name stands in several, with what they hold before or behind it.

    Empty if no view has several, or if a key may be of two views.
    """
    pairs = affixed_names(names, keys)
    matched = [(name, key) for of_pair in pairs.values() for name, key in of_pair.items()]
    if len({name for name, _ in matched}) == len(matched) or len({key for _, key in matched}) < len(matched):
        return {}
    words = {pair: set(_WORD.findall(" ".join(pair))) for pair in pairs}
    kept = [pair for pair in pairs if not words[pair] & _BESIDE_MASKS]
    kept = [pair for pair in kept if words[pair] & _FOR_MASKS] or kept
    found: dict[str, tuple[str, ...]] = {}
    for pair in sorted(kept, key=_by_numbers):
        for name, key in pairs[pair].items():
            found[name] = (*found.get(name, ()), key)
    return found


def _by_numbers(pair: tuple[str, str]) -> list[tuple[int, str]]:
    """Return a key that sorts what stands before and behind names by the numbers in it."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", "/".join(pair))]


def numbered_names(names: Sequence[str], keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys <view>_0, <view>_1, ... of each view that has two or more, by number."""
    members: dict[str, list[tuple[int, str]]] = {}
    for key in keys:
        if match := _NUMBERED.fullmatch(key):
            members.setdefault(match[1], []).append((int(match[2]), key))
    several = {base: tuple(key for _, key in sorted(found)) for base, found in members.items() if len(found) > 1}
    return {name: several[base] for name, base in match_names(names, several).items()}


def _one_folder(keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys if they lie in one folder, or those in the one folder of masks; else none."""
    by_folder: dict[str, list[str]] = {}
    for key in keys:
        by_folder.setdefault(_folder(key), []).append(key)
    named = [folder for folder in by_folder if folder.rpartition("/")[2] in _OF_MASKS]
    chosen = named if len(by_folder) > 1 else list(by_folder)
    if len(chosen) != 1:
        return ()
    inside = by_folder[chosen[0]]
    others = [key for key in inside if not set(_WORD.findall(key.rpartition("/")[2].lower())) & _BESIDE_MASKS]
    return tuple(others or inside)


def _folder(key: str) -> str:
    """Return the folder of a key; empty for those in none."""
    return key.rpartition("/")[0]
