"""A camera with a lens, and the pinhole cameras that see together what it sees.

Everything that renders, fits or votes works with pinhole cameras. A photograph taken through a lens is cut into the
pictures of one or several of them, its faces, and what was computed in the faces is put back into the photograph's own
pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.cameras.faces import faces_of, pixels_of, samples_of
from splatseg.cameras.lens import Lens
from splatseg.cameras.warp import Fetch, Warp

STRAIGHT = 0.01
"""Pixels by which a lens may bend a picture that is taken for that of a pinhole."""

BLOCK = 2
"""Pixels a side of the blocks of a photograph that belong to one face; faces overlap by as much."""


@dataclass(frozen=True, eq=False)
class LensCamera:
    """A camera with a lens: its pose and its lens, for a picture of the lens's size.

    Example:
        >>> camera = LensCamera(np.eye(4), lens)
        >>> len(camera.faces), camera.faces[0].width > camera.width
        (1, True)
    """

    viewmat: np.ndarray
    """World to camera, (4,4), OpenCV axes."""

    lens: Lens
    """The lens, with the size of the picture."""

    def __post_init__(self) -> None:
        check_shapes(viewmat=(self.viewmat, "4 4"))
        object.__setattr__(self, "viewmat", np.asarray(self.viewmat, dtype=np.float64))

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return self.lens.width

    @property
    def height(self) -> int:
        """Height of the picture in pixels."""
        return self.lens.height

    @cached_property
    def pinhole(self) -> Camera:
        """Pinhole camera at the same place, with the focal lengths and centre of the lens."""
        return Camera(self.viewmat, self.lens.K, self.width, self.height)

    @property
    def position(self) -> np.ndarray:
        """Centre of projection in world coordinates, (3,)."""
        return self.pinhole.position

    @cached_property
    def faces(self) -> tuple[Camera, ...]:
        """Pinhole cameras in the world, all at this camera's position, that see together all that the lens sees."""
        return tuple(replace(face, viewmat=face.viewmat @ self.viewmat) for face in faces_of(self.lens))

    def resized(self, width: int, height: int) -> LensCamera:
        """Return this camera for a picture resampled to width x height pixels."""
        return LensCamera(self.viewmat, self.lens.resized(width, height))

    def fits(self, width: int, height: int) -> bool:
        """Return True if a picture of width x height can be this camera's at another resolution (`Camera.fits`)."""
        return self.pinhole.fits(width, height)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (P,2) of world points (P,3), NaN for those the lens does not see, and distances (P,)."""
        local = points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        return self.lens.project(local), np.linalg.norm(local, axis=1)

    def cut(self, face: int) -> Warp:
        """Return the warp from the photograph to a face."""
        return _cut(self.lens, face)

    def put_back(self, pictures: Sequence[np.ndarray], fetch: Fetch) -> np.ndarray:
        """Return the photograph's picture (H,W) or (H,W,C) from those of all faces, of any size in their shapes.

        Where the lens sees nothing it is 0.
        """
        assert len(pictures) == len(self.faces), (len(pictures), len(self.faces))
        whole = np.zeros((self.height, self.width, *pictures[0].shape[2:]), pictures[0].dtype)
        for number, picture in enumerate(pictures):
            self.put_back_one(number, picture, fetch, whole)
        return whole

    def put_back_one(self, face: int, picture: np.ndarray, fetch: Fetch, whole: np.ndarray) -> None:
        """Write the picture of one face into the pixels of the photograph's picture that belong to it (`put_back`)."""
        warp = _back(self.lens, face, picture.shape[1], picture.shape[0])
        mine = _owners(self.lens) == face
        whole[mine] = warp.fetched(picture, fetch)[mine]

    def pixels_in(self, face: int, pixels: np.ndarray) -> np.ndarray:
        """Return where pixels (P,2) of the photograph lie in one of its faces, also beside it; NaN if behind it."""
        return pixels_of(faces_of(self.lens)[face], self.lens.rays(pixels))

    def face_at(self, pixel: tuple[float, float]) -> tuple[int, tuple[float, float]] | None:
        """Return the face that a pixel (x, y) belongs to, and its place there; None where the lens sees nothing."""
        faces = faces_of(self.lens)
        (ray,) = self.lens.rays(np.array([pixel], dtype=np.float64))
        if not np.isfinite(ray).all():
            return None
        number = int(np.argmax([face.viewmat[2, :3] @ ray for face in faces]))
        (place,) = pixels_of(faces[number], ray[None])
        return number, (float(place[0]), float(place[1]))


AnyCamera = Camera | LensCamera
"""A camera with or without a lens."""


def faces_of_camera(camera: AnyCamera) -> tuple[Camera, ...]:
    """Return the pinhole cameras that see together what a camera sees: a pinhole camera itself, or the faces."""
    return (camera,) if isinstance(camera, Camera) else camera.faces


def straightened(viewmat: np.ndarray, lens: Lens) -> AnyCamera:
    """Return the camera with this lens: a pinhole camera where the lens bends nothing (`STRAIGHT`)."""
    camera = LensCamera(viewmat, lens)
    return camera.pinhole if lens.is_pinhole or _bends_nothing(lens) else camera


@lru_cache(256)
def _bends_nothing(lens: Lens) -> bool:
    """Return True if a pinhole with the lens's focal lengths and centre sees the same in every pixel."""
    pixels, _ = samples_of(lens)
    rays = lens.rays(pixels)
    ahead = rays[:, 2] > 1e-3
    if not ahead.all():  # NaN is not ahead
        return False
    straight = rays[:, :2] / rays[:, 2:] * lens.focal + lens.centre
    return bool((np.abs(straight - pixels) <= STRAIGHT).all())


@lru_cache(8)
def _cut(lens: Lens, number: int) -> Warp:
    face = faces_of(lens)[number]

    def place(points: np.ndarray) -> np.ndarray:
        return lens.project(face.unproject(points, np.ones(len(points))))

    return Warp.of(place, (face.width, face.height), (lens.width, lens.height))


@lru_cache(8)
def _back(lens: Lens, number: int, width: int, height: int) -> Warp:
    face = faces_of(lens)[number]
    scale = np.array([width / face.width, height / face.height])
    # A point on the face's border is of the face: without a pixel of its own it takes the nearest.
    most = np.nextafter(np.array([width, height], np.float32), np.float32(0.0)).astype(np.float64)

    def place(points: np.ndarray) -> np.ndarray:
        pixels = pixels_of(face, lens.rays(points)) * scale
        beside = (pixels > -1.0) & (pixels < most + 1.0)
        places: np.ndarray = np.where(beside, np.clip(pixels, 0.0, most), pixels)
        return places

    return Warp.of(place, (lens.width, lens.height), (width, height))


@lru_cache(8)
def _owners(lens: Lens) -> np.ndarray:
    """Return the number of the face to which each pixel belongs, (H,W) int8: in blocks, since faces overlap."""
    faces = faces_of(lens)
    columns, rows = (-(-side // BLOCK) for side in (lens.width, lens.height))
    x, y = np.meshgrid((np.arange(columns) + 0.5) * BLOCK, (np.arange(rows) + 0.5) * BLOCK)
    rays = lens.rays(np.stack([np.minimum(x, lens.width).ravel(), np.minimum(y, lens.height).ravel()], axis=1))
    cosines = np.nan_to_num(rays @ np.stack([face.viewmat[2, :3] for face in faces]).T)
    owner: np.ndarray = cosines.argmax(axis=1).astype(np.int8).reshape(rows, columns)
    owner = owner.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return owner[: lens.height, : lens.width]
