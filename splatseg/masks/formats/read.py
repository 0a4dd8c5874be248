"""Mask files of one view, by suffix. Ids of input masks are unrelated across views and are made consecutive.

* .png: a label map, see `masks.formats.label_maps`;
* other pictures (.tif, .webp, .bmp, .gif, .jpg): as .png, if a folder holds nothing else;
* .npz, .npy, .pt, .pth: arrays and tensors, see `masks.formats.array_masks`;
* .json: run lengths or polygons, see `masks.formats.json_masks`.

No code in a file is ever run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splatseg.errors import MaskError, SplatsegError
from splatseg.masks.formats.array_masks import read_npy_masks, read_npz_masks, read_tensor
from splatseg.masks.formats.json_masks import segments_of_json
from splatseg.masks.formats.label_maps import read_picture
from splatseg.masks.segments import Segments
from splatseg.untrusted.documents import read_json
from splatseg.untrusted.memory import Guard

PICTURES = (".tif", ".tiff", ".webp", ".bmp", ".gif", ".jpg", ".jpeg")
"""Suffixes of pictures that are seldom masks."""


def read_segments(path: Path) -> Segments:
    """Read the segments of one mask file, at its own size. Raises MaskError, which names the file, if it is damaged."""
    try:
        return READERS[path.suffix.lower()](path)
    except SplatsegError:
        raise
    except FileNotFoundError:
        raise MaskError(f"the mask {path} is gone, although it was there a moment ago; put it back") from None
    except Exception as error:  # decoders raise nearly any type of error on damaged files
        reason = str(error) or type(error).__name__
        raise MaskError(f"the mask {path} cannot be read ({reason}); it is damaged or not a mask") from error


def _read_json(path: Path) -> Segments:
    return segments_of_json(read_json(path).plain(), Guard.of(path, MaskError))


READERS: dict[str, Callable[[Path], Segments]] = {
    ".npz": read_npz_masks,
    ".npy": read_npy_masks,
    ".pt": read_tensor,
    ".pth": read_tensor,
    ".json": _read_json,
    ".png": read_picture,
    **dict.fromkeys(PICTURES, read_picture),
}
"""Readers by suffix. If a view has several files, the first suffix of this list is taken."""
