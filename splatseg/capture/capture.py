"""A capture: posed images, their sparse points, and the split into training and held-out views.

Alphabet: images (H,W,3) uint8; points (P,3) float32, world units; point_colors (P,3) uint8.

The world is the user's own, unless its coordinates are too far from the origin, too small or too large to compute with
(`cameras.coordinates`): cameras and points are moved near the origin then, and `Capture.coordinates` says how.

Layouts: COLMAP (`sparse/0`, `sparse`, `colmap/sparse/0` or the folder itself, images in `images`), nerfstudio
(`transforms.json`) and Blender (`transforms_train.json`). A view is named as the capture names its image.

Sizes: an image smaller or larger than its camera but of the same shape (COLMAP's `images_2`, ...) is taken as it is and
the camera is scaled to it. `downscale` K divides the size that the cameras state, never enlarging an image.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from splatseg.cameras.camera import impossible
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.cameras.faces import impossible_lens
from splatseg.cameras.lens_camera import AnyCamera, LensCamera
from splatseg.capture.colmap import find_model, images_beside, read_model
from splatseg.capture.ignore_masks import find_ignore_mask
from splatseg.capture.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, size_for, stem_of
from splatseg.capture.matching import photographs_called_otherwise, pictures_below
from splatseg.capture.names import file_at, is_there
from splatseg.capture.reconstruction import Reconstruction
from splatseg.capture.transforms_json import find_transforms, read_transforms
from splatseg.capture.view import View, faces_of_photograph, find_views, one_a_photograph
from splatseg.errors import CaptureError, PromptError
from splatseg.plain_text import first_few
from splatseg.untrusted.paths import shortened

IMAGE_FOLDERS = ("image", "rgb", "color", "photos", "frames", "input")
"""Folders of photographs that are looked into where there are neither images nor images_2, images_4, ..."""


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

    source: Path | None = None
    """Folder of the COLMAP model, or the transforms file, that was read; None for cameras that a run kept."""

    posed: frozenset[str] = frozenset()
    """Names of all images that have a pose in `source`, also of those that are left out."""

    absent: tuple[str, ...] = ()
    """Names of the images that are absent and left out."""

    coordinates: Coordinates = OWN
    """The user's own coordinates of the world that cameras and points are in."""

    def view(self, name: str) -> View:
        """Return the view of this name, with or without image suffix. Raises PromptError, with close names, if none is.

        A name without its suffix that several views have is a PromptError too.
        """
        found = find_views(name, self.views)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(view.name for view in found)
            raise PromptError(f"several views are named '{name}' in {self.path}; say which: {names}?")
        raise PromptError(f"no view is named '{name}' in {self.path}; {_near(name, self.views)}")

    def split(self, which: str) -> tuple[View, ...]:
        """Return the "train", "test" or "all" views, in order."""
        if which not in ("train", "test", "all"):
            raise ValueError(f"which must be 'train', 'test' or 'all', got {which!r}")
        return tuple(
            view for view in self.views if which == "all" or (view.name in self.test_names) == (which == "test")
        )


def load_capture(
    path: Path | str,
    downscale: int = 1,
    test_every: int = 8,
    test_names: Iterable[str] | None = None,
    train_names: Iterable[str] | None = None,
    skip_missing: bool = False,
    coordinates: Coordinates | None = None,
) -> Capture:
    """Read a capture. Images are opened for their size only; `View.image` reads the pixels.

    The first of these rules that applies decides which views are held out: the views in `test_names`; the views not in
    `train_names`; the test views that the capture declares; every `test_every`-th view by name, beginning with the
    first (0: none). With both lists, views in neither are left out.

    skip_missing: leave out images that are absent (`Capture.absent`), unless fewer than two are there. coordinates: the
    world to read cameras and points into; None chooses it.

    Raises CaptureError for anything missing, damaged or unsupported.

    Example:
        >>> splatseg.load_capture(splatseg.demo_capture(), downscale=2).views[0].camera.width
        160
    """
    path = Path(path)
    reconstruction = _read_reconstruction(path)
    _refuse_impossible(reconstruction)
    coordinates = coordinates or reconstruction.coordinates()
    reconstruction = reconstruction.in_world(coordinates)
    path = path.parent if path.is_file() else path
    if downscale < 1:
        raise CaptureError(f"downscale must be 1 or more, got {downscale}")
    folder = images_beside(path)
    image_paths, absent = _find_images(folder, reconstruction, skip_missing)
    views: list[View] = []
    for name in sorted(image_paths):
        camera = _at_image_size(reconstruction.cameras[name], image_paths[name], downscale)
        ignore = reconstruction.ignore_paths.get(name) or find_ignore_mask(folder, name, image_paths[name])
        found = faces_of_photograph(name, camera)
        views += [
            replace(view, image_path=image_paths[name], background=reconstruction.background, ignore_path=ignore)
            for view in found
        ]
    _refuse_equal_stems(views, path)
    held_out = _held_out(views, reconstruction, test_every, test_names, train_names)
    if test_names is not None and train_names is not None:
        wanted = held_out | _resolve(train_names, views, reconstruction.source)
        views = [view for view in views if view.photograph in wanted]
    test = frozenset(view.name for view in views if view.photograph in held_out)
    if all(view.name in test for view in views):
        raise CaptureError(f"all {len(views)} views of {path} are held out for test; leave some for training")
    posed = frozenset(reconstruction.cameras)
    points, colors = reconstruction.points, reconstruction.point_colors
    source = reconstruction.source
    return Capture(path, tuple(views), points, colors, test, source, posed, tuple(absent), coordinates)


def load_cameras(path: Path | str, coordinates: Coordinates = OWN, with_images: bool = False) -> tuple[View, ...]:
    """Read cameras as views without images, sorted by name: no image is opened and none needs to exist.

    with_images: the cameras are of a capture with its images, which may tell sizes that its cameras do not.

    path: a transforms.json, or a folder with one or with a COLMAP model (also the model's own folder). The cameras must
    be in the user's own coordinates of the capture or splat that they are used with. coordinates: those of its world.

    Raises CaptureError for anything missing, damaged or unsupported.
    """
    path = Path(path)
    reconstruction = _read_reconstruction(path, with_images)
    _refuse_impossible(reconstruction)
    cameras = reconstruction.in_world(coordinates).cameras
    views = [view for name in sorted(cameras) for view in faces_of_photograph(name, cameras[name])]
    _refuse_equal_stems(views, path)
    return tuple(views)


def _near(name: str, views: Sequence[View]) -> str:
    """Return a question after names of views that are like `name`; if none is, a statement of what there is."""
    # Without suffixes, in which all are alike.
    stems = {stem_of(view.name): view.name for view in views}
    near = [stems[stem] for stem in difflib.get_close_matches(stem_of(name), stems, n=3)]
    return f"did you mean: {', '.join(near)}?" if near else f"its views are {views[0].name} to {views[-1].name}"


def _refuse_impossible(reconstruction: Reconstruction) -> None:
    """Raise CaptureError for a camera, or a name of a view, that can be neither used nor written."""
    for name, camera in reconstruction.cameras.items():
        try:
            nameless = b"\0" in os.fsencode(name)
        except UnicodeEncodeError:
            nameless = True
        if nameless:
            raise CaptureError(f"{reconstruction.source}: {name!r} cannot be the name of a file; rename the image")
        if isinstance(camera, LensCamera):
            fault = impossible(camera.pinhole) or impossible_lens(camera.lens)
        else:
            fault = impossible(camera)
        if fault:
            raise CaptureError(
                f"{reconstruction.source}: the camera of '{name}' is impossible, {fault}; export it again"
            )


def find_cameras(path: Path | str, with_images: bool = True) -> Path:
    """Return the transforms.json or the folder of the COLMAP model with the cameras of a capture; nothing is read.

    In a folder that is a model in sparse/ first, then a transforms.json, then another model. with_images: photographs
    without poses are told as such. Raises CaptureError if there are no cameras.
    """
    path = Path(path)
    try:
        return _cameras_at(path, with_images)
    except OSError as error:  # a name that no folder can have, or a folder that may not be read
        raise CaptureError(_unseen(path, error)) from None


def _read_reconstruction(path: Path, with_images: bool = True) -> Reconstruction:
    found = find_cameras(path, with_images)
    try:
        return read_model(found) if found.is_dir() else read_transforms(found, with_images)
    except OSError as error:  # a folder that may not be read
        raise CaptureError(_unseen(path, error)) from None


def _unseen(path: Path, error: OSError) -> str:
    return f"{shortened(str(path))} cannot be looked into ({error.strerror or error}); check the path"


def _cameras_at(path: Path, with_images: bool) -> Path:
    if path.suffix == ".json" and path.is_file():
        return path
    expected = (
        "expected a COLMAP model (sparse/0/cameras.bin, images.bin, points3D.bin, or the same as .txt) with its "
        "pictures in images/, or a nerfstudio transforms.json"
    )
    if not path.is_dir():
        video = path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
        raise CaptureError(
            f"{path} is a video; `splatseg capture {path} -o CAPTURE` makes a capture of it"
            if video
            else f"{'not a folder' if path.exists() else 'there is no folder'}: {path}; {expected}"
        )
    model = find_model(path, ("sparse/0", "sparse"))
    transforms = find_transforms(path)
    if model is None and transforms is not None:
        return transforms
    model = model or find_model(path)
    if model is None:
        photographs = path / "images" if (path / "images").is_dir() else path
        count = sum(entry.suffix.lower() in IMAGE_SUFFIXES for entry in photographs.iterdir())
        if with_images and count:
            raise CaptureError(
                f"{photographs} holds {count} photographs without poses; `splatseg capture {photographs} -o CAPTURE` "
                "finds out where they were taken from, then give CAPTURE"
            )
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
        found = first_few(entries, 5) if entries else "it is empty"
        what = "is not a capture" if with_images else "holds no cameras"
        way = "; `splatseg capture PHOTOS|VIDEO -o CAPTURE` makes one" if with_images else ""
        raise CaptureError(f"{path} {what}: {expected}; found: {found}{way}")
    return model


def _find_images(path: Path, reconstruction: Reconstruction, skip: bool) -> tuple[dict[str, Path], list[str]]:
    """Return the image files by name, and the names of those that are absent.

    Raises CaptureError if some are absent, or with `skip` if fewer than two are there.
    """
    found, folder = reconstruction.image_paths, reconstruction.source.parent
    total = len(found) or len(reconstruction.cameras)
    if found:
        absent = [name for name in sorted(found) if not is_there(found[name])]
    else:
        found, folder, absent = _found_below(path, sorted(reconstruction.cameras))
    gone = set(absent)
    there = {name: file for name, file in found.items() if name not in gone}
    if absent and (not skip or len(there) < 2):
        others = sorted(set(pictures_below(folder, "*")) - set(there.values())) if folder.is_dir() else []
        instead = f" (it holds {len(others)} others: {first_few([file.name for file in others])})" if others else ""
        raise CaptureError(
            f"{len(absent)} of {total} images named in {reconstruction.source} are absent from {folder}{instead}: "
            f"{first_few([shortened(name) for name in absent], 5)}; put them there"
            f"{'' if skip else ', or leave them out with --skip-missing'}"
        )
    return there, absent


def _found_below(path: Path, names: list[str]) -> tuple[dict[str, Path], Path, list[str]]:
    """Return files by name in the first folder of images that holds any, that folder, and the names it lacks."""
    smaller = sorted(
        (folder for folder in path.glob("images_*") if folder.name[7:].isdecimal()), key=lambda f: int(f.name[7:])
    )
    folders = [path / "images", *smaller, *(path / name for name in IMAGE_FOLDERS), path]
    found: dict[str, Path] = {}
    for folder in folders:
        found = {name: file for name in names if (file := file_at(folder / name)) is not None}
        if found:
            break
    else:
        folder = next(folder for folder in (*folders, path) if folder.is_dir())
    # An image that a name finds in another spelling may be that of another name, spelled right.
    exact = {folder / name for name in found}
    found = {name: file for name, file in found.items() if file == folder / name or file not in exact}
    if len(found) < len(names):
        # Beside a model lie masks and depths too, so only pictures of the capture's own folder count there.
        pictures = pictures_below(folder, "*" if folder == path else "**/*")
        found |= photographs_called_otherwise(folder, pictures, names, found)
    return found, folder, [name for name in names if name not in found]


def _at_image_size(camera: AnyCamera, image_path: Path, downscale: int) -> AnyCamera:
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
        other = by_file.setdefault(view.png_name, view.photograph)
        if other != view.photograph:
            raise CaptureError(
                f"the images '{other}' and '{view.photograph}' of {path} differ in their suffix only, so their masks "
                "and results would share a name; rename one of them"
            )


def _resolve(names: Iterable[str], views: Sequence[View], source: Path) -> frozenset[str]:
    """Return the names of the photographs in a user's list. Raises CaptureError for a name that no view has."""
    resolved = set()
    for name in names:
        found = find_views(name, views)
        if not found:
            raise CaptureError(f"the list of views names '{name}', which {source} does not have; {_near(name, views)}")
        resolved.add(found[0].photograph)
    return frozenset(resolved)


def _held_out(
    views: Sequence[View],
    reconstruction: Reconstruction,
    test_every: int,
    test_names: Iterable[str] | None,
    train_names: Iterable[str] | None,
) -> frozenset[str]:
    """Return the names of the held-out photographs, by the rules of `load_capture`."""
    names = [view.photograph for view in one_a_photograph(views)]
    source, all_names = reconstruction.source, frozenset(names)
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
    if test_every == 0 or len(names) == 1:
        return frozenset()
    return frozenset(names[::test_every])
