"""A folder of masks, matched to the views of a capture and read one view at a time.

A file belongs to a view if its path inside the folder, without suffix, is the view's name with or without its image
suffix: for "left/a.b.jpg" that is left/a.b.png, or left/a.b.jpg.png as COLMAP writes masks. If folders differ (one side
flat, the other nested), the last part of the name decides if it is unique on both sides; last the part before its first
dot, which the code of Contrastive Gaussian Clustering takes for the name ("a.png").

A folder with masks in a subfolder that has another program's name (`PEER_FOLDERS`) may be given itself. Instead of a
folder there may be one file with the masks of all views, a COCO data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from splatseg.capture.capture import View
from splatseg.capture.images import stem_of
from splatseg.errors import MaskError
from splatseg.masks.formats.coco_dataset import CocoDataset, read_coco_dataset
from splatseg.masks.formats.read import READERS, read_segments
from splatseg.masks.segments import Segments

RECORD_NAME = "masks.json"
"""Record of how `splatseg masks` made the masks next to it; not a mask."""


PEER_FOLDERS = ("seg_masks", "object_mask", "sam_masks")
"""Folders of masks of Contrastive Gaussian Clustering, Gaussian Grouping, SAGA."""


@dataclass(frozen=True, eq=False)
class MaskStore:
    """Mask files of views. Only the paths are kept in memory, or the content of a COCO data set."""

    path: Path
    """Folder of the masks, or file of the data set."""

    files: dict[str, Path]
    """Mask file by view name, in the order of the views; for a data set, file names as listed there."""

    dataset: CocoDataset | None = None
    """Data set that holds the masks, or None for a folder."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views that have masks, in the order of the views."""
        return tuple(self.files)

    def read(self, view: View) -> Segments | None:
        """Read the segments of a view at the size of its camera, without ignored pixels; None if it has no masks.

        Raises MaskError if the file cannot be read or is of another shape than the image.
        """
        path = self.files.get(view.name)
        if path is None:
            return None
        segments = self.dataset.segments(path.as_posix()) if self.dataset else read_segments(path)
        camera = view.camera
        if not camera.fits(segments.width, segments.height):
            raise MaskError(
                f"the mask {path} is {segments.width}x{segments.height}, but the view '{view.name}' is "
                f"{camera.width}x{camera.height}, of another shape; masks must be made from the same images"
            )
        segments = segments.resized(camera.width, camera.height)
        # A folder of masks with COLMAP's name would otherwise be read as masks and as ignore masks.
        ignored = view.ignored() if view.ignore_path != path else None
        return segments if ignored is None or not ignored.any() else segments.without(ignored)


def open_masks(path: Path | str, views: Sequence[View]) -> MaskStore:
    """Find the mask of every view in a folder or a COCO data set. Views without one are allowed, but not all of them.

    Raises MaskError if there is no such folder, no mask in it, or none that belongs to a view.

    Example:
        >>> masks = splatseg.open_masks(splatseg.demo_capture() / "masks", capture.views)
        >>> masks.read(capture.views[0]).count > 0
        True
    """
    path, dataset, found = _masks_in(Path(path))
    files = _match([view.name for view in views], found)
    if not files:
        expected = ", ".join(stem_of(view.name) + ".png" for view in views[:3])
        first = list(found.values())[:3]
        present = ", ".join((file if dataset else file.relative_to(path)).as_posix() for file in first)
        raise MaskError(
            f"no mask in {path} has the name of a view: expected names like {expected}; found {present}"
            f"{', ...' if len(found) > 3 else ''}"
        )
    return MaskStore(path, files, dataset)


def all_masks(path: Path | str) -> dict[str, Callable[[], Segments]]:
    """Return all masks of a folder or COCO data set by name without suffix, each as a function that reads them.

    Raises MaskError if there are none.
    """
    _, dataset, found = _masks_in(Path(path))
    read = read_segments if dataset is None else lambda file: dataset.segments(file.as_posix())
    return {stem_of(name): partial(read, file) for name, file in found.items()}


def _masks_in(path: Path) -> tuple[Path, CocoDataset | None, dict[str, Path]]:
    """Return the folder of the masks or the data set, and its files by name without suffix.

    Raises MaskError if there are none.
    """
    dataset = read_coco_dataset(path) if path.suffix.lower() == ".json" and path.is_file() else None
    if dataset is None and not path.is_dir():
        raise MaskError(f"{'not a folder' if path.exists() else 'there is no folder'} of masks: {path}; check the path")
    if dataset is not None:
        found = {stem_of(name): Path(name) for name in dataset.images}
    else:
        path = _folder_of_masks(path)
        found = _mask_files(path)
    if not found:
        raise MaskError(f"{path} holds no masks; expected files {', '.join(READERS)}, one for each view")
    return path, dataset, found


def _folder_of_masks(path: Path) -> Path:
    """Return the folder itself, or the one folder in it that has the name of another program's masks."""
    inner = [path / name for name in PEER_FOLDERS if (path / name).is_dir()]
    if len(inner) > 1:
        names = " and ".join(folder.name for folder in inner)
        raise MaskError(f"{path} holds several folders of masks, {names}; give the one to take")
    return inner[0] if inner else path


def _mask_files(path: Path) -> dict[str, Path]:
    """Return files by their path inside the folder without suffix, sorted; of several suffixes the first of READERS."""
    rank = {suffix: i for i, suffix in enumerate(READERS)}
    files = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in rank
        and not file.name.startswith(".")
        and file != path / RECORD_NAME
        and file.is_file()
    ]
    found: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (rank[file.suffix.lower()], file.as_posix())):
        relative = file.relative_to(path).as_posix()
        found.setdefault(relative[: -len(file.suffix)], file)
    return dict(sorted(found.items()))


def _match(names: Sequence[str], found: dict[str, Path]) -> dict[str, Path]:
    """Return the file of each view name that has one, by the rules of the module."""
    view_count = Counter(_last(stem_of(name)) for name in names)
    file_count = Counter(_last(stem_of(key)) for key in found)
    by_last = {_last(stem_of(key)): file for key, file in found.items()}
    view_starts = Counter(_last(name).split(".")[0] for name in names)
    files = {}
    for name in names:
        stem = stem_of(name)
        last = _last(stem)
        start = last.split(".")[0]
        if stem in found or name in found:
            files[name] = found.get(stem) or found[name]
        elif view_count[last] == 1 and file_count[last] == 1:
            files[name] = by_last[last]
        elif view_starts[start] == 1 and view_count[start] == 0 and file_count[start] == 1:
            files[name] = by_last[start]
    return files


def _last(key: str) -> str:
    return PurePosixPath(key).name
