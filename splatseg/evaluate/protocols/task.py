"""What a benchmark of the field asks: which masks are scored, what prompts there are, which views are held out.

A protocol is a way of laying out a data set and of counting. Its data set has tasks (scenes, or objects of a scene); a
task has targets: a prompt in a view, the true mask, and where a method leaves its own. The views of a protocol have
names of their own ("0", "frame_00041", "image003"); `Task.image` says which image of the capture is meant.

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
from splatseg.errors import MaskError

Box = tuple[float, float, float, float]
Read = Callable[[], np.ndarray]
"""Reads a mask (H,W) bool when it is asked for: some data sets have hundreds of twelve megapixels."""


PHOTOGRAPHS = (".jpg", ".jpeg", ".png")
"""Suffixes of the photographs in the field's data sets."""


@dataclass(frozen=True)
class Layout:
    """How the folder of a data set is laid out, for those whose folder is not. title: the data set's."""

    title: str
    form: str

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
        """The folder if it holds what a scene does, else the folders in it that do.

        part: what is missing where there is none; then, or if there is no folder, raises MaskError.
        """
        self.check(folder)
        scenes = [folder] if holds(folder) else [scene for scene in subfolders(folder) if holds(scene)]
        self.require([] if scenes else [part], folder)
        return scenes


@dataclass(frozen=True, eq=False)
class Target:
    """One mask that is scored.

    files: where a method may have left it, relative to the task's folder of predictions; ours goes to the first.
    boxes: (x0, y0, x1, y1) around the object, where the protocol has them. is_reference: the prompt was given here.
    """

    prompt: str
    view: str
    truth: Read
    files: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    is_reference: bool = False


@dataclass(frozen=True, eq=False)
class Reference:
    """The oracle's prompt: what is wanted, and what is not, in one view. scribbles: lines, not whole objects."""

    view: str
    wanted: Read
    unwanted: Read | None = None
    scribbles: bool = False


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked of one trained scene.

    capture: the name of the capture's folder; several tasks may share one. references: by prompt. image: the image of
    the capture, of all its names in order, that a view is; None if it is not there. held_out: names of the views that
    the protocol keeps from training; reading them may raise MaskError.
    """

    name: str
    capture: str
    targets: tuple[Target, ...]
    references: Mapping[str, Reference]
    image: Callable[[str, Sequence[str]], str | None]
    held_out: Callable[[], tuple[str, ...]] = tuple

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """All prompts, in the order of the targets."""
        return tuple(dict.fromkeys(target.prompt for target in self.targets))


@dataclass(frozen=True, eq=False)
class Row:
    """How one target was met. Areas in pixels of the truth; a mask that is missing scores 0 in everything.

    exact: share of the view's pixels that are right in all of its classes (3D-OVS; 0 elsewhere). localised: whether the
    mask's peak lies in one of the target's boxes (LangSplat); None where there are no boxes.
    """

    prompt: str
    view: str
    iou: float
    boundary_iou: float
    accuracy: float
    intersection: int
    union: int
    missing: bool = False
    is_reference: bool = False
    exact: float = 0.0
    localised: bool | None = None


@dataclass(frozen=True, eq=False)
class Protocol:
    """How a benchmark is read and counted.

    level: a pixel of a prediction (grey, 0..255) is set above it. shown: how a selection of ours becomes a mask: as it
    is `seen` among the rest (more than half of the pixel), or `alone` (opacity above 0.7), as methods that select in 3D
    draw it. whole_pixels: whether `Row.exact` is counted. figures: of the rows of a task, in the order that they are
    printed; the protocol's figure is the mean over tasks. main: the figure that papers print.
    """

    name: str
    title: str
    read: Callable[[Path], tuple[Task, ...]]
    level: int
    figures: Callable[[Sequence[Row]], dict[str, float]]
    main: str = "miou"
    shown: Literal["seen", "alone"] = "seen"
    whole_pixels: bool = False


def same_stem(view: str, names: Sequence[str]) -> str | None:
    """The image that has this name but for its suffix and folder, upper and lower case told apart only if need be."""
    stems = {name: Path(stem_of(name)).name for name in names}
    for change in (str, str.lower):
        found = [name for name, stem in stems.items() if change(stem) == change(view)]
        if len(found) == 1:
            return found[0]
    return None


def subfolders(folder: Path) -> list[Path]:
    """Visible folders in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def images_in(folder: Path, suffixes: tuple[str, ...] = (".png",)) -> list[Path]:
    """Visible files with one of the suffixes (lower case given, any found), by name; none if there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def read_grey(path: Path) -> np.ndarray:
    """An image as grey levels (H,W) uint8. Raises MaskError if it cannot be read."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise MaskError(f"the mask {path} cannot be read as an image ({error}); it is damaged") from error


def mask_reader(path: Path, level: int) -> Read:
    """Reads the pixels of an image above a grey level, when asked."""
    return lambda: read_grey(path) > level


def fitted(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask or grey image (H,W) at another size, by Pillow's nearest neighbour, as the field's scripts resize."""
    if mask.shape == (height, width):
        return mask
    grey = mask.astype(np.uint8) * 255 if mask.dtype == bool else mask
    resized = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.NEAREST))
    return resized > 0 if mask.dtype == bool else resized
