"""Ground truth on disk: a folder of instance label maps named as the views, and the names of the objects next to it.

    gt/instance/<view>.png   label maps, 0 = none        gt/scene.json   {"objects": {"1": "table"}, "stuff": [23, 24]}

`stuff` lists ids of surfaces (floor, walls) that nobody selects as a thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splatseg.capture.view import View, one_a_photograph
from splatseg.errors import MaskError
from splatseg.machine.threads import in_order
from splatseg.masks.formats.label_maps import read_label_map
from splatseg.masks.store import open_masks
from splatseg.resampling import nearest_pixels
from splatseg.untrusted.documents import DocumentError, id_of, read_json


@dataclass(frozen=True, eq=False)
class Truth:
    """True label maps of views."""

    label_maps: dict[str, np.ndarray]
    """(H,W) int32 at the size of the photograph, by its name."""
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

    Raises MaskError if the folder or the map of a view is missing, a map is of another shape than its photograph, or
    scene.json cannot be read.
    """
    folder = Path(folder)
    masks = open_masks(folder, views)
    files = masks.files
    if masks.dataset is not None or masks.parts:
        raise MaskError(
            f"{masks.path} holds masks without ids that are the same in all views; evaluation needs a label map (PNG) "
            "for every view"
        )
    missing = [view.png_name for view in views if view.name not in files]
    if missing:
        raise MaskError(
            f"{folder} lacks the label maps of {len(missing)} of {len(views)} views ({', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}); evaluation needs one for every view"
        )

    def read(view: View) -> np.ndarray:
        label_map, camera = view.turned(read_label_map(files[view.name])), view.seen_by
        if not camera.fits(label_map.shape[1], label_map.shape[0]):
            raise MaskError(
                f"the label map {files[view.name]} is {label_map.shape[1]}x{label_map.shape[0]}, but the view "
                f"'{view.photograph}' is {camera.width}x{camera.height}, of another shape; make it from the same image"
            )
        return nearest_pixels(label_map, camera.height, camera.width)

    photographs = one_a_photograph(views)
    label_maps = dict(zip((view.photograph for view in photographs), in_order(read, photographs), strict=True))
    names, stuff = read_scene(folder.absolute().parent / "scene.json")
    return Truth(label_maps, names, stuff, unknown)


def read_scene(path: Path) -> tuple[dict[int, str], frozenset[int]]:
    """Read the names by id and the ids that are stuff; both empty without a file. Raises MaskError for a bad file."""
    if not path.is_file():
        return {}, frozenset()
    try:
        scene = read_json(path)
        names, stuff = scene.get("objects"), scene.get("stuff")
        named = {} if names is None else {id_of(name): field.text() for name, field in names.entries().items()}
        return named, frozenset() if stuff is None else frozenset(item.whole(0) for item in stuff.items())
    except DocumentError as error:
        raise MaskError(
            f"{path} is not understood ({error}); it should hold 'objects' (names by id) and 'stuff' (a list of ids)"
        ) from error
