"""A prompt: a click, box or mask in one view, on an object that is wanted or not.

In a photograph taken through a lens it becomes the same prompt in one of the lens's faces, with that face's pinhole
camera: a mask in the face that shows most of its pixels, a box around its outline in the face that its middle belongs
to. A face is a rectangle and sees more than the photograph does; beside the photograph nobody knows, so a mask or a box
comes with the pixels that count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, LensCamera
from splatseg.errors import PromptError

Box = tuple[float, float, float, float]
"""A rectangle in pixels: x0, y0, x1, y1."""

OUTLINE = 16
"""Points of each side of a box that are followed through the lens, which bends sides."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """A click, a box or a mask in the picture of a camera. Raises PromptError unless it is exactly one of them.

    Example:
        >>> import splatseg
        >>> camera = splatseg.load_capture(splatseg.demo_capture()).view("012.jpg").camera
        >>> splatseg.Prompt(camera, click=(155, 102), wanted=False).wanted
        False
    """

    camera: Camera
    """The camera whose pixels the prompt is given in."""
    click: tuple[float, float] | None = None
    """Pixel (x, y) on the object; (0, 0) is the top left corner of the picture."""
    box: Box | None = None
    """Rectangle (x0, y0, x1, y1) around the object, in pixels."""
    mask: np.ndarray | None = None
    """(H,W) bool: the pixels of the object."""
    wanted: bool = True
    """True: the object is selected. False: it is taken away."""
    level: int | None = None
    """Level of a click, from 1 for the smallest part at its pixel to the largest group; None: chosen from the masks."""
    seen: np.ndarray | None = None
    """(H,W) bool: the pixels that are known to be in a mask or a box, or not; the others, beside a lens, count on
    neither side. None: all are known."""

    def __post_init__(self) -> None:
        given = sum(one is not None for one in (self.click, self.box, self.mask))
        if given != 1:
            raise PromptError(f"a prompt is exactly one of a click, a box and a mask; {given} were given")
        if self.level is not None and (self.click is None or not self.wanted):
            raise PromptError("a level belongs to a click on a wanted object; leave it out")

    @classmethod
    def in_photograph(
        cls,
        camera: AnyCamera,
        click: tuple[float, float] | None = None,
        box: Box | None = None,
        mask: np.ndarray | None = None,
        wanted: bool = True,
        level: int | None = None,
    ) -> Prompt:
        """Return the prompt given in the pixels of a photograph as its camera took it (`View.seen_by`).

        Through a lens it becomes the same prompt in one of its faces (see the module).

        click (x, y) and box (x0, y0, x1, y1) in pixels, mask (H,W) bool.

        Raises PromptError unless it is exactly one, and for one that lies where the lens shows nothing.
        """
        if isinstance(camera, Camera):
            return cls(camera, click, box, mask, wanted, level)
        if click is not None:
            face, click = _click_in_face(camera, click)
        elif box is not None:
            face, box = _box_in_face(camera, box)
        elif mask is not None:
            face, mask = _mask_in_face(camera, mask)
        else:
            face = 0
        seen = None if click is not None else camera.cut(face).inside
        return cls(camera.faces[face], click, box, mask, wanted, level, None if seen is None or seen.all() else seen)

    @property
    def region(self) -> np.ndarray:
        """(H,W) bool: the mask, or the pixels of the box."""
        if self.mask is not None:
            return self.mask
        assert self.box is not None, "a click has no region"
        region = np.zeros((self.camera.height, self.camera.width), dtype=bool)
        x0, y0, x1, y1 = (max(round(side), 0) for side in self.box)
        region[y0:y1, x0:x1] = True
        return region


def _click_in_face(camera: LensCamera, click: tuple[float, float]) -> tuple[int, tuple[float, float]]:
    """Return the face that a pixel (x, y) belongs to, and the pixel there.

    Raises PromptError for a pixel outside the picture, or beside the lens.
    """
    inside = 0 <= click[0] < camera.width and 0 <= click[1] < camera.height
    found = camera.face_at(click) if inside else None
    if found is None:
        raise PromptError(
            f"the click ({click[0]:g}, {click[1]:g}) is outside the picture of {camera.width}x{camera.height} pixels, "
            "or where the lens shows nothing; click on the object"
        )
    return found


def _box_in_face(camera: LensCamera, box: Box) -> tuple[int, Box]:
    """Return the face that a box's middle belongs to, and the box there around its outline.

    Raises PromptError for a box outside the picture, or beside the lens.
    """
    x0, x1 = (float(np.clip(x, 0.0, camera.width)) for x in (box[0], box[2]))
    y0, y1 = (float(np.clip(y, 0.0, camera.height)) for y in (box[1], box[3]))
    if not (x0 < x1 and y0 < y1):
        raise PromptError(f"the box {box} is empty or outside the picture of {camera.width}x{camera.height} pixels")
    number, _ = _click_in_face(camera, ((x0 + x1) / 2, (y0 + y1) / 2))
    x, y = np.linspace(x0, x1, OUTLINE), np.linspace(y0, y1, OUTLINE)
    sides = [(x, np.full_like(x, y0)), (x, np.full_like(x, y1)), (np.full_like(y, x0), y), (np.full_like(y, x1), y)]
    points = camera.pixels_in(number, np.concatenate([np.stack(side, axis=1) for side in sides]))
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        raise PromptError(f"the box {box} lies where the lens shows nothing; draw it around the object")
    low, high, face = points.min(axis=0), points.max(axis=0), camera.faces[number]
    return number, (
        float(max(low[0], 0.0)),
        float(max(low[1], 0.0)),
        float(min(high[0], face.width)),
        float(min(high[1], face.height)),
    )


def _mask_in_face(camera: LensCamera, mask: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the face that shows most of a mask (H,W) bool, and the mask there.

    Raises PromptError for a mask of another size, or of pixels that no face shows.
    """
    if mask.shape != (camera.height, camera.width):
        raise PromptError(
            f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels, the view {camera.width}x{camera.height}; resize the "
            "mask"
        )
    cut = [camera.cut(number).labels(mask, False) for number in range(len(camera.faces))]
    most = int(np.argmax([part.sum() for part in cut]))
    if not cut[most].any():
        raise PromptError("the mask holds no pixel that the lens shows; paint the object")
    return most, cut[most]
