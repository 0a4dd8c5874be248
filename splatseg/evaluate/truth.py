"""Ground truth on disk: a folder of instance label maps named as the views, and the names of the objects next to it.

    gt/instance/<view>.png   label maps, 0 = none        gt/scene.json   {"objects": {"1": "table"}, "stuff": [23, 24]}

`stuff` lists ids of surfaces (floor, walls) that nobody selects as a thing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splatseg.capture.capture import View
from splatseg.errors import MaskError
from splatseg.masks.formats.read import read_label_map
from splatseg.masks.store import open_masks
from splatseg.resampling import nearest_pixels


@dataclass(frozen=True, eq=False)
class Truth:
    """True label maps of views."""

    label_maps: dict[str, np.ndarray]
    """(H,W) int32 at camera size, by view name."""
    names: dict[int, str] = field(default_factory=dict)
    """Names of objects by id."""
    stuff: frozenset[int] = frozenset()
    """Ids that are stuff."""
    unknown: int | None = None
    """Label of unknown pixels, which do not count at all; None: there is no such label."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of all objects that are seen anywhere, ascending."""
        seen = {int(i) for labels in self.label_maps.values() for i in np.unique(labels)}
        return tuple(sorted(seen - {0, self.unknown}))

    def name(self, object_id: int) -> str:
        """Return the object's name, or its id as text."""
        return self.names.get(object_id, str(object_id))


def read_truth(folder: Path, views: Sequence[View], unknown: int | None = None) -> Truth:
    """Read the label map of every view, resampled to the camera's size (the pixel under the new pixel's centre).

    Raises MaskError if the folder or the map of a view is missing, or scene.json cannot be read.
    """
    folder = Path(folder)
    files = open_masks(folder, views).files
    missing = [view.png_name for view in views if view.name not in files]
    if missing:
        raise MaskError(
            f"{folder} lacks the label maps of {len(missing)} of {len(views)} views ({', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}); evaluation needs one for every view"
        )
    label_maps = {}
    for view in views:
        label_map = read_label_map(files[view.name])
        label_maps[view.name] = nearest_pixels(label_map, view.camera.height, view.camera.width)
    names, stuff = read_scene(folder.absolute().parent / "scene.json")
    return Truth(label_maps, names, stuff, unknown)


def read_scene(path: Path) -> tuple[dict[int, str], frozenset[int]]:
    """Read the names by id and the ids that are stuff; both empty without a file. Raises MaskError for a bad file."""
    if not path.is_file():
        return {}, frozenset()
    try:
        scene = json.loads(path.read_text(encoding="utf-8"))
        names = {int(i): str(name) for i, name in scene.get("objects", {}).items()}
        return names, frozenset(int(i) for i in scene.get("stuff", []))
    except (ValueError, AttributeError, TypeError) as error:
        raise MaskError(
            f"{path} is not understood ({error}); it should hold 'objects' (names by id) and 'stuff' (a list of ids)"
        ) from error
