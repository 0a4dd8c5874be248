"""A prompt: a click, box or mask in one view, on an object that is wanted or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError

Box = tuple[float, float, float, float]
"""A rectangle in pixels: x0, y0, x1, y1."""


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

    def __post_init__(self) -> None:
        given = sum(one is not None for one in (self.click, self.box, self.mask))
        if given != 1:
            raise PromptError(f"a prompt is exactly one of a click, a box and a mask; {given} were given")
        if self.level is not None and (self.click is None or not self.wanted):
            raise PromptError("a level belongs to a click on a wanted object; leave it out")

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
