"""Views: the pinhole cameras that photographs are worked with, one for each photograph.

A photograph taken through a lens is undistorted as it is decoded, into one view, or into several if it sees too much
for one (`cameras.faces`): those are named "left/000#1.jpg", "left/000#2.jpg", ... Prompts and results are in the pixels
of the photograph as it was taken, `View.seen_by`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, LensCamera, faces_of_camera
from splatseg.capture.ignore_masks import read_ignored
from splatseg.capture.images import other_orientation, read_image, stem_of
from splatseg.capture.names import folded
from splatseg.errors import CaptureError


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
    """Pinhole camera at the size at which `image` returns the pixels."""

    image_path: Path | None = None
    """File of the image; None for a camera alone."""

    background: tuple[int, int, int] | None = None
    """RGB colour that transparent pixels are composited over; None: alpha is ignored."""

    ignore_path: Path | None = None
    """File of the ignore mask (`capture.ignore_masks`); None if there is none."""

    lost: str = ""
    """Sentence on why there is no photograph, of a camera that a run kept."""

    lens_camera: LensCamera | None = None
    """Camera of the photograph as it was taken, through a lens, of which `camera` is a face; None: `camera` took it."""

    face: int = 0
    """Number of the face of `lens_camera` that `camera` is."""

    @property
    def seen_by(self) -> AnyCamera:
        """Camera of the photograph as it was taken: prompts and results are in its pixels."""
        return self.lens_camera or self.camera

    @property
    def pinhole(self) -> Camera:
        """Pinhole camera that looks where the photograph does: `camera`, unless that is one of several faces."""
        lens = self.lens_camera
        return self.camera if lens is None or len(lens.faces) == 1 else lens.pinhole

    @property
    def photograph(self) -> str:
        """Name of the photograph: the view's own, but for views that are one of several faces of it."""
        if self.lens_camera is None or len(self.lens_camera.faces) == 1:
            return self.name
        stem = stem_of(self.name)
        return stem.rpartition("#")[0] + self.name[len(stem) :]

    def image(self) -> np.ndarray:
        """Decode the image, at every call: (H,W,3) uint8 at the camera's size, undistorted.

        Beside the lens its border goes on, so that nothing takes an edge for one of the scene; `ignored` tells where.

        Raises CaptureError if it cannot be read.
        """
        image = self.shown()
        return image if self.lens_camera is None else self.lens_camera.cut(self.face).extended(image)

    def shown(self) -> np.ndarray:
        """Decode the image (H,W,3) uint8 for people to look at: as `image`, but black beside the lens.

        Raises CaptureError if it cannot be read.
        """
        if self.image_path is None:
            raise CaptureError(
                self.lost or f"the view '{self.name}' has a camera but no image; take a view of a capture"
            )
        camera = self.seen_by
        read = _last_read if len(faces_of_camera(camera)) > 1 else read_image
        image = read(self.image_path, camera.width, camera.height, self.background)
        return image if self.lens_camera is None else self.lens_camera.cut(self.face).picture(image)

    def ignored(self) -> np.ndarray | None:
        """Return which pixels (H,W) bool do not show the scene: ignored ones and those beside the lens; None if all do.

        Raises CaptureError if the ignore mask cannot be read or is of another shape than the image.
        """
        mask = None if self.ignore_path is None else read_ignored(self.ignore_path, self.seen_by, self.turned)
        if self.lens_camera is None:
            return mask
        warp = self.lens_camera.cut(self.face)
        if mask is not None:
            return warp.labels(mask, True)
        return None if warp.inside.all() else ~warp.inside

    def as_camera_sees(self, labels: np.ndarray) -> np.ndarray:
        """Return a map (H,W) of the photograph as it was taken, at its size, as `camera` sees it; 0 beside the lens."""
        return labels if self.lens_camera is None else self.lens_camera.cut(self.face).labels(labels)

    def turned(self, labels: np.ndarray) -> np.ndarray:
        """Return a map (H,W) made of the photograph turned as this view's camera sees it, if an EXIF tag says how.

        Raises CaptureError if the photograph cannot be read.
        """
        return labels if self.image_path is None else other_orientation(self.image_path, self.seen_by, labels)

    @property
    def png_name(self) -> str:
        """Name of files written for this view's photograph: "left/000.jpg" -> "left/000.png"."""
        return stem_of(self.photograph) + ".png"


def _last_read(path: Path, width: int, height: int, background: tuple[int, int, int] | None) -> np.ndarray:
    """Return `read_image` of a photograph; the last one is kept, since its faces are mostly asked for in a row."""
    changed = path.stat().st_mtime_ns if path.exists() else 0
    return _read_at(path, changed, width, height, background)


@lru_cache(1)
def _read_at(path: Path, changed: int, width: int, height: int, background: tuple[int, int, int] | None) -> np.ndarray:
    image = read_image(path, width, height, background)
    image.setflags(write=False)  # it is shared
    return image


def faces_of_photograph(name: str, camera: AnyCamera) -> tuple[View, ...]:
    """Return the views of one photograph, without its file: one, or one for each face of a lens that sees much."""
    if isinstance(camera, Camera):
        return (View(name, camera),)
    stem = stem_of(name)
    suffix = name[len(stem) :]
    names = [name] if len(camera.faces) == 1 else [f"{stem}#{i + 1}{suffix}" for i in range(len(camera.faces))]
    return tuple(View(names[i], face, lens_camera=camera, face=i) for i, face in enumerate(camera.faces))


def one_a_photograph(views: Iterable[View]) -> tuple[View, ...]:
    """Return the first view of every photograph, in order."""
    first: dict[str, View] = {}
    for view in views:
        first.setdefault(view.photograph, view)
    return tuple(first.values())


def as_results(views: Iterable[View], undistorted: bool = False) -> tuple[View, ...]:
    """Return what results are written for: each photograph once, as it was taken; undistorted, the views themselves."""
    return tuple(View(view.name, view.camera) for view in views) if undistorted else one_a_photograph(views)


def find_views(name: str, views: Sequence[View]) -> list[View]:
    """Return the view of exactly this name, or the first of the photograph's; else all that have it without suffix.

    If there are none: all that have it in another spelling (case, Unicode form), or else at the end of their path.
    """
    exact = [view for view in views if name in (view.name, view.photograph)]
    if exact:
        return exact[:1]
    photographs = one_a_photograph(views)
    names = {view: (view.photograph, stem_of(view.photograph)) for view in photographs}
    wanted = folded(name)
    alike = (
        [view for view in photographs if names[view][1] == name],
        [view for view in photographs if wanted in map(folded, names[view])],
        [view for view in photographs if any(folded(other).endswith("/" + wanted) for other in names[view])],
    )
    return next((found for found in alike if found), [])
