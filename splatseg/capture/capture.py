"""A capture: posed images, their sparse points, and the split into training and held-out views.

Alphabet: images (H,W,3) uint8; points (P,3) float32, world units; point_colors (P,3) uint8.

Layouts: COLMAP (`sparse/0`, `sparse`, `colmap/sparse/0` or the folder itself, images in `images`), nerfstudio
(`transforms.json`) and Blender (`transforms_train.json`). A view is named as the capture names its image.

Sizes: an image smaller or larger than its camera but of the same shape (COLMAP's `images_2`, ...) is taken as it is and
the camera is scaled to it. `downscale` K divides the size that the cameras state, never enlarging an image.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.capture.colmap import find_model, read_model
from splatseg.capture.ignore_masks import find_ignore_mask, read_ignored
from splatseg.capture.images import read_image, size_for, stem_of
from splatseg.capture.reconstruction import Reconstruction
from splatseg.capture.transforms_json import find_transforms, read_transforms
from splatseg.errors import CaptureError, PromptError


@dataclass(frozen=True, eq=False)
class View:
    """A posed image of a capture, or a camera without an image.

    Example:
        >>> view = capture.view("012.jpg")
        >>> view.image().shape
        (120, 160, 3)
    """

    name: str
    """Name of the image in the capture, with forward slashes: "left/000.jpg"."""

    camera: Camera
    """Camera at the size at which `image` returns the pixels."""

    image_path: Path | None = None
    """File of the image; None for a camera alone."""

    background: tuple[int, int, int] | None = None
    """RGB colour that transparent pixels are composited over; None: alpha is ignored."""

    ignore_path: Path | None = None
    """File of the ignore mask (`capture.ignore_masks`); None if there is none."""

    def image(self) -> np.ndarray:
        """Decode the image, at every call: (H,W,3) uint8 at the camera's size. Raises CaptureError if unreadable."""
        if self.image_path is None:
            raise CaptureError(f"the view '{self.name}' has a camera but no image; take a view of a capture")
        return read_image(self.image_path, self.camera.width, self.camera.height, self.background)

    def ignored(self) -> np.ndarray | None:
        """Read the ignore mask: (H,W) bool, true for pixels that do not show the scene; None without such a mask.

        Raises CaptureError if it cannot be read or is of another shape than the image.
        """
        return None if self.ignore_path is None else read_ignored(self.ignore_path, self.camera)

    @property
    def png_name(self) -> str:
        """Name of files written for this view: "left/000.jpg" -> "left/000.png"."""
        return stem_of(self.name) + ".png"


@dataclass(frozen=True, eq=False)
class Capture:
    """Posed images with their sparse points (P,3) and the names of the held-out views.

    Example:
        >>> capture = splatseg.load_capture(splatseg.demo_capture())
        >>> len(capture.views), len(capture.split("test"))
        (64, 8)
    """

    path: Path
    """Folder of the capture."""

    views: tuple[View, ...]
    """All views, sorted by name."""

    points: np.ndarray
    """Sparse points (P,3) float32, world units; P may be 0."""

    point_colors: np.ndarray
    """Colours of the points, (P,3) uint8."""

    test_names: frozenset[str]
    """Names of the held-out views."""

    def view(self, name: str) -> View:
        """Return the view of this name, with or without image suffix. Raises PromptError, with close names, if none is.

        A name without its suffix that several views have is a PromptError too.
        """
        found = find_views(name, self.views)
        if len(found) == 1:
            return found[0]
        names = [view.name for view in found] or _close(name, self.views)
        raise PromptError(
            f"{'several views are' if found else 'no view is'} named '{name}' in {self.path}; "
            f"{'say which' if found else 'did you mean'}: {', '.join(names)}?"
        )

    def split(self, which: str) -> tuple[View, ...]:
        """Return the "train", "test" or "all" views, in order."""
        if which not in ("train", "test", "all"):
            raise ValueError(f"which must be 'train', 'test' or 'all', got {which!r}")
        return tuple(
            view for view in self.views if which == "all" or (view.name in self.test_names) == (which == "test")
        )

    def require_points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `points` (P,3) and `point_colors` (P,3), P > 0. Raises CaptureError if there are none."""
        if len(self.points) == 0:
            raise CaptureError(
                f"{self.path} has no 3D points to start from (no points3D file, or an empty one); triangulate with "
                "COLMAP, or give a trained splat with --splats FILE.ply"
            )
        return self.points, self.point_colors


def load_capture(
    path: Path | str,
    downscale: int = 1,
    test_every: int = 8,
    test_names: Iterable[str] | None = None,
    train_names: Iterable[str] | None = None,
) -> Capture:
    """Read a capture. Images are opened for their size only; `View.image` reads the pixels.

    The first of these rules that applies decides which views are held out: the views in `test_names`; the views not in
    `train_names`; the test views that the capture declares; every `test_every`-th view by name, beginning with the
    first (0: none). With both lists, views in neither are left out.

    Raises CaptureError for anything missing, damaged or unsupported.

    Example:
        >>> splatseg.load_capture(splatseg.demo_capture(), downscale=2).views[0].camera.width
        160
    """
    path = Path(path)
    reconstruction = _read_reconstruction(path)
    path = path.parent if path.is_file() else path
    if downscale < 1:
        raise CaptureError(f"downscale must be 1 or more, got {downscale}")
    image_paths = reconstruction.image_paths or _find_images(path, reconstruction)
    views = []
    for name in sorted(reconstruction.cameras):
        camera = _at_image_size(reconstruction.cameras[name], image_paths[name], downscale)
        ignore = reconstruction.ignore_paths.get(name) or find_ignore_mask(path, name, image_paths[name])
        views.append(View(name, camera, image_paths[name], reconstruction.background, ignore))
    _refuse_equal_stems(views, path)
    test = _held_out(views, reconstruction, test_every, test_names, train_names)
    if test_names is not None and train_names is not None:
        wanted = test | _resolve(train_names, views, reconstruction.source)
        views = [view for view in views if view.name in wanted]
    if all(view.name in test for view in views):
        raise CaptureError(f"all {len(views)} views of {path} are held out for test; leave some for training")
    return Capture(path, tuple(views), reconstruction.points, reconstruction.point_colors, test)


def load_cameras(path: Path | str) -> tuple[View, ...]:
    """Read cameras as views without images, sorted by name: no image is opened and none needs to exist.

    path: a transforms.json, or a folder with one or with a COLMAP model (also the model's own folder). The cameras must
    be in the world of the capture that they are used with.

    Raises CaptureError for anything missing, damaged or unsupported.
    """
    path = Path(path)
    cameras = _read_reconstruction(path, with_images=False).cameras
    views = [View(name, cameras[name]) for name in sorted(cameras)]
    _refuse_equal_stems(views, path)
    return tuple(views)


def find_views(name: str, views: Sequence[View]) -> list[View]:
    """Return the view of exactly this name, else all views with this name without their image suffix."""
    return [view for view in views if view.name == name] or [view for view in views if stem_of(view.name) == name]


def _close(name: str, views: Sequence[View]) -> list[str]:
    """Return up to three names like `name`, else the first three."""
    names = [view.name for view in views]
    return difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:3]


def _read_reconstruction(path: Path, with_images: bool = True) -> Reconstruction:
    """Read a transforms.json, or a folder: its model in sparse/ first, then a transforms.json, then other models."""
    if path.suffix == ".json" and path.is_file():
        return read_transforms(path, with_images)
    expected = (
        "expected a COLMAP model (sparse/0/cameras.bin, images.bin, points3D.bin, or the same as .txt) with its "
        "pictures in images/, or a nerfstudio transforms.json"
    )
    if not path.is_dir():
        raise CaptureError(f"{'not a folder' if path.exists() else 'there is no folder'}: {path}; {expected}")
    model = find_model(path, ("sparse/0", "sparse"))
    transforms = find_transforms(path)
    if model is None and transforms is not None:
        return read_transforms(transforms, with_images)
    model = model or find_model(path)
    if model is None:
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
        found = ", ".join(entries[:5]) + (", ..." if len(entries) > 5 else "") if entries else "it is empty"
        what = "is not a capture" if with_images else "holds no cameras"
        raise CaptureError(f"{path} {what}: {expected}; found: {found}")
    return read_model(model)


def _find_images(path: Path, reconstruction: Reconstruction) -> dict[str, Path]:
    """Find the image files of a COLMAP model: the first folder that holds any of them must hold them all."""
    smaller = sorted(
        (folder for folder in path.glob("images_*") if folder.name[7:].isdecimal()), key=lambda f: int(f.name[7:])
    )
    folders = [folder for folder in (path / "images", *smaller, path) if folder.is_dir()]
    names = sorted(reconstruction.cameras)
    absent: dict[Path, list[str]] = {}
    for folder in folders:
        absent[folder] = [name for name in names if not (folder / name).is_file()]
        if len(absent[folder]) < len(names):
            break
    else:
        folder = folders[0]
    if absent[folder]:
        raise CaptureError(
            f"{len(absent[folder])} of {len(names)} images named in {reconstruction.source} are absent from {folder}: "
            f"{', '.join(absent[folder][:3])}{', ...' if len(absent[folder]) > 3 else ''}; put them there"
        )
    return {name: folder / name for name in names}


def _at_image_size(camera: Camera, image_path: Path, downscale: int) -> Camera:
    """Return the camera at the size at which its image will be read."""
    width, height = size_for(image_path, camera)
    if downscale > 1:
        width = min(width, max(1, int(camera.width / downscale + 0.5)))
        height = min(height, max(1, int(camera.height / downscale + 0.5)))
    return camera if (width, height) == (camera.width, camera.height) else camera.resized(width, height)


def _refuse_equal_stems(views: Sequence[View], path: Path) -> None:
    """Raise CaptureError if two views would share a mask or a file of results."""
    by_file: dict[str, str] = {}
    for view in views:
        other = by_file.setdefault(view.png_name, view.name)
        if other != view.name:
            raise CaptureError(
                f"the images '{other}' and '{view.name}' of {path} differ in their suffix only, so their masks and "
                "results would share a name; rename one of them"
            )


def _resolve(names: Iterable[str], views: Sequence[View], source: Path) -> frozenset[str]:
    """Return the full names of the views in a user's list. Raises CaptureError for a name that no view has."""
    resolved = set()
    for name in names:
        found = find_views(name, views)
        if not found:
            raise CaptureError(
                f"the list of views names '{name}', which {source} does not have; close names: "
                f"{', '.join(_close(name, views))}"
            )
        resolved.add(found[0].name)
    return frozenset(resolved)


def _held_out(
    views: Sequence[View],
    reconstruction: Reconstruction,
    test_every: int,
    test_names: Iterable[str] | None,
    train_names: Iterable[str] | None,
) -> frozenset[str]:
    """Return the names of the held-out views, by the rules of `load_capture`."""
    source, all_names = reconstruction.source, frozenset(view.name for view in views)
    test = None if test_names is None else _resolve(test_names, views, source)
    train = None if train_names is None else _resolve(train_names, views, source)
    if test is not None and train is not None and test & train:
        raise CaptureError(
            f"'{min(test & train)}' is in both the list of test views and that of training views; take it out of one"
        )
    if test is not None:
        return test
    if train is not None:
        return all_names - train
    if reconstruction.test_names is not None:
        return reconstruction.test_names & all_names
    if test_every < 0:
        raise CaptureError(f"test_every must be 0 (hold out nothing) or more, got {test_every}")
    if test_every == 0 or len(views) == 1:
        return frozenset()
    return frozenset(view.name for view in views[::test_every])
