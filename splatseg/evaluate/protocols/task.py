"""Tasks of the field's benchmarks: the masks that are scored, the prompts, the views that are held out.

A protocol defines the layout of a data set and the way of counting. Its data set has tasks (scenes, or objects of a
scene); a task has targets: a prompt in a view, the true mask, and the files in which a method may leave its own. The
views of a protocol have names of their own ("0", "frame_00041", "image003"); `Task.image` gives the image of the
capture.

Alphabet: masks (H,W) bool at the size of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from splatseg.capture.images import stem_of
from splatseg.errors import MaskError, SplatsegError
from splatseg.untrusted.images import PIXEL, open_image
from splatseg.untrusted.memory import Guard

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""
Read = Callable[[], np.ndarray]
"""Return a mask (H,W) bool, read on each call: some data sets have hundreds of twelve megapixels."""


PHOTOGRAPHS = (".jpg", ".jpeg", ".png")
"""Suffixes of the photographs in the field's data sets."""


@dataclass(frozen=True)
class Layout:
    """Layout of a data set's folder, for the messages about folders that differ."""

    title: str
    """Title of the data set."""
    form: str
    """The layout in words."""

    def check(self, folder: Path) -> None:
        """Raise MaskError if there is no such folder."""
        if not folder.is_dir():
            raise MaskError(f"there is no folder {folder}; {self.title} is laid out as {self.form}")

    def require(self, missing: Iterable[str], folder: Path) -> None:
        """Raise MaskError, listing what a folder lacks, unless nothing is missing."""
        names = list(missing)
        if names:
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            raise MaskError(f"{folder} lacks {shown}; {self.title} is laid out as {self.form}")

    def scenes(self, folder: Path, holds: Callable[[Path], object], part: str) -> list[Path]:
        """Return the folder itself if it holds a scene, else the folders in it that do.

        part: a file that a scene has, for the message. Raises MaskError if there is no folder or no scene.
        """
        self.check(folder)
        scenes = [folder] if holds(folder) else [scene for scene in subfolders(folder) if holds(scene)]
        self.require([] if scenes else [part], folder)
        return scenes


@dataclass(frozen=True, eq=False)
class Target:
    """One mask that is scored."""

    prompt: str
    """Name of the prompt."""
    view: str
    """Name of the view."""
    truth: Read
    """Reader of the true mask."""
    files: tuple[str, ...]
    """Files in which a method may have left its mask, relative to the task's folder of predictions; ours goes to the
    first."""
    boxes: tuple[Box, ...] = ()
    """(x0, y0, x1, y1) around the object, if the protocol has them."""
    is_reference: bool = False
    """True if the prompt was given in this view."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The oracle's prompt in one view."""

    view: str
    """Name of the view."""
    wanted: Read
    """Reader of the mask of the object."""
    unwanted: Read | None = None
    """Reader of the mask of what is not the object."""
    scribbles: bool = False
    """True if the masks are lines, not whole objects."""


@dataclass(frozen=True, eq=False)
class Task:
    """Targets and prompts for one trained scene."""

    name: str
    """Name of the task."""
    capture: str
    """Name of the capture's folder; several tasks may share one."""
    targets: tuple[Target, ...]
    """The masks that are scored."""
    references: Mapping[str, Reference]
    """The oracle's prompts, by prompt."""
    image: Callable[[str, Sequence[str]], str | None]
    """image(view, names) returns the image of a view among all image names of the capture, in order; None if it is
    missing."""
    held_out: Callable[[], tuple[str, ...]] = tuple
    """Returns the names of the views that the protocol keeps from training; may raise MaskError."""

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """All prompts, in the order of the targets."""
        return tuple(dict.fromkeys(target.prompt for target in self.targets))


@dataclass(frozen=True, eq=False)
class Row:
    """Score of one target. Areas in pixels of the truth; a missing mask scores 0 in everything."""

    prompt: str
    """Name of the prompt."""
    view: str
    """Name of the view."""
    iou: float
    """IoU with the true mask."""
    boundary_iou: float
    """Boundary IoU with the true mask."""
    accuracy: float
    """Share of pixels that are right."""
    intersection: int
    """Pixels in both masks."""
    union: int
    """Pixels in either mask."""
    missing: bool = False
    """True if there is no mask."""
    is_reference: bool = False
    """True if the prompt was given in this view."""
    exact: float = 0.0
    """Share of the view's pixels that are right in all of its classes (3D-OVS; 0 elsewhere)."""
    localised: bool | None = None
    """True if the mask's peak lies in one of the target's boxes (LangSplat); None without boxes."""


@dataclass(frozen=True, eq=False)
class Protocol:
    """A benchmark: its reader and its way of counting."""

    name: str
    """Name on the command line."""
    title: str
    """Title in tables."""
    read: Callable[[Path], tuple[Task, ...]]
    """Reads the tasks of a data set's folder."""
    level: int
    """Grey level, 0..255, above which a pixel of a prediction is set."""
    figures: Callable[[Sequence[Row]], dict[str, float]]
    """Returns the figures of a task's rows, in the order of printing; the protocol's figure is the mean over tasks."""
    main: str = "miou"
    """The figure that papers print."""
    shown: Literal["seen", "alone"] = "seen"
    """Way from a selection of ours to a mask: as it is `seen` among the rest (more than half of the pixel), or
    `alone` (opacity above 0.7), as methods that select in 3D draw it."""
    whole_pixels: bool = False
    """Count `Row.exact`."""


def same_stem(view: str, names: Sequence[str]) -> str | None:
    """Return the image of this name, regardless of suffix and folder; None if there is none.

    Upper and lower case are ignored only if no image matches exactly.
    """
    stems = {name: Path(stem_of(name)).name for name in names}
    for change in (str, str.lower):
        found = [name for name, stem in stems.items() if change(stem) == change(view)]
        if len(found) == 1:
            return found[0]
    return None


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def images_in(folder: Path, suffixes: tuple[str, ...] = (".png",)) -> list[Path]:
    """Return the visible files with one of the suffixes, in any case, by name; none if there is no folder.

    suffixes: in lower case.
    """
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def read_grey(path: Path) -> np.ndarray:
    """Read an image as grey levels (H,W) uint8. Raises MaskError if it cannot be read."""
    try:
        with open_image(path, Guard.of(path, MaskError), PIXEL) as image:
            return np.asarray(image.convert("L"))
    except SplatsegError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise MaskError(f"the mask {path} cannot be read as an image ({error}); it is damaged") from error


def mask_reader(path: Path, level: int) -> Read:
    """Return a reader of the pixels of an image above a grey level."""
    return lambda: read_grey(path) > level


def fitted(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize a mask or grey image (H,W) by Pillow's nearest neighbour, as the field's scripts do."""
    if mask.shape == (height, width):
        return mask
    grey = mask.astype(np.uint8) * 255 if mask.dtype == bool else mask
    resized = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.NEAREST))
    return resized > 0 if mask.dtype == bool else resized
