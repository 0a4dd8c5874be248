"""A folder of masks, matched to the views of a capture (`masks.names`) and read one view at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from splatseg.capture.images import stem_of
from splatseg.capture.matching import match_names, unclear_names
from splatseg.capture.view import View, one_a_photograph
from splatseg.errors import MaskError
from splatseg.masks.formats.mask_files import read_mask_files
from splatseg.masks.formats.read import read_segments
from splatseg.masks.listing import MasksOfViews, masks_in, masks_of_all_views, names_in, parts_of_views
from splatseg.masks.segments import Segments
from splatseg.plain_text import first_few


@dataclass(frozen=True, eq=False)
class MaskStore:
    """Mask files of views. Only the paths are kept in memory, or the content of a data set."""

    path: Path
    """Folder of the masks, or file with those of all views."""

    files: dict[str, Path]
    """Mask file by view name, in the order of the views; for one file, the names in it."""

    dataset: MasksOfViews | None = None
    """File that holds the masks of all views, or None for a folder."""

    parts: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    """Files with a mask each, by the name of a view that has several; `files` has the first of them."""

    strays: tuple[str, ...] = ()
    """Names, without suffix, of the masks that belong to no view."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views that have masks, in the order of the views."""
        return tuple(self.files)

    def read(self, view: View) -> Segments | None:
        """Read the segments of a view as its camera sees them, without ignored pixels; None if it has no masks.

        Raises MaskError if the file cannot be read or is of another shape than the image.
        """
        path = self.files.get(view.name)
        if path is None:
            return None
        segments = self._read(view.name, path).mapped(view.turned)
        camera = view.seen_by
        if not camera.fits(segments.width, segments.height):
            raise MaskError(
                f"the mask {path} is {segments.width}x{segments.height}, but the view '{view.name}' is "
                f"{camera.width}x{camera.height}, of another shape; masks must be made from the same images"
            )
        segments = segments.resized(camera.width, camera.height).mapped(view.as_camera_sees)
        # A folder of masks with COLMAP's name would otherwise be read as masks and as ignore masks.
        ignored = view.ignored() if view.ignore_path != path else None
        return segments if ignored is None or not ignored.any() else segments.without(ignored)

    def _read(self, name: str, path: Path) -> Segments:
        if self.dataset is not None:
            return self.dataset.segments(path.as_posix())
        if name not in self.parts:
            return read_segments(path)
        return read_mask_files(self.parts[name])


def open_masks(path: Path | str, views: Sequence[View]) -> MaskStore:
    """Find the mask of every view in a folder or a data set. Views without one are allowed, but not all of them.

    Raises MaskError if there is no such folder, no mask in it, none that belongs to a view, or names that nothing tells
    apart.

    Example:
        >>> masks = splatseg.open_masks(splatseg.demo_capture() / "masks", capture.views)
        >>> masks.read(capture.views[0]).count > 0
        True
    """
    path, dataset, found = masks_in(Path(path))
    photographs = [view.photograph for view in one_a_photograph(views)]
    parts, one, left = _matched(photographs, found, dataset is not None)
    if not parts and not one and dataset is None and (dataset := masks_of_all_views(path, found)) is not None:
        path, found = dataset.path, names_in(dataset)
        parts, one, left = _matched(photographs, found, whole=True)
    _refuse_unclear(path, unclear_names([name for name in photographs if name not in parts], left, one))
    of_photograph = {name: left[key] for name, key in one.items()} | {name: inside[0] for name, inside in parts.items()}
    files = {view.name: of_photograph[view.photograph] for view in views if view.photograph in of_photograph}
    if not files:
        expected = ", ".join(stem_of(view.name) + ".png" for view in views[:3])
        first = [files[0] for files in found.values()]
        present = [(file if dataset else file.relative_to(path)).as_posix() for file in first]
        raise MaskError(
            f"no mask in {path} has the name of a view: expected names like {expected}; found {first_few(present)}; "
            "name masks like their views, or the folders that have several masks of one"
        )
    taken = {file for inside in parts.values() for file in inside} | set(files.values())
    strays = tuple(key for key, inside in found.items() if inside[0] not in taken)
    several = {view.name: parts[view.photograph] for view in views if len(parts.get(view.photograph, ())) > 1}
    return MaskStore(path, files, dataset, several, strays)


def all_masks(path: Path | str) -> dict[str, Callable[[], Segments]]:
    """Return all masks of a folder or data set by name without suffix, each as a function that reads them.

    Raises MaskError if there are none.
    """
    _, dataset, found = masks_in(Path(path))
    if dataset is not None:
        return {stem_of(name): partial(dataset.segments, file.as_posix()) for name, (file,) in found.items()}
    return {
        stem_of(name): partial(read_segments, files[0]) if len(files) == 1 else partial(read_mask_files, files)
        for name, files in found.items()
    }


def _matched(
    names: Sequence[str], found: dict[str, tuple[Path, ...]], whole: bool
) -> tuple[dict[str, tuple[Path, ...]], dict[str, str], dict[str, Path]]:
    """Return the files of views that have several, the keys of those that have one, and the files by key beside these.

    whole: files are names in one file, of which each has all masks of a view.
    """
    parts = {} if whole else parts_of_views(names, found)
    taken = {file for files in parts.values() for file in files}
    left = {key: files[0] for key, files in found.items() if len(files) == 1 and files[0] not in taken}
    return parts, match_names([name for name in names if name not in parts], left), left


def _refuse_unclear(path: Path, unclear: tuple[list[str], list[str]] | None) -> None:
    """Raise MaskError if masks have the name of views without one and nothing says which is whose."""
    if unclear is None:
        return
    views, masks = unclear
    raise MaskError(
        f"masks in {path} are not told apart by their names: {first_few(masks)} may be of {' or '.join(views[:3])}; "
        "name each like its view, folders too, or give the folder that has one of each view"
    )
