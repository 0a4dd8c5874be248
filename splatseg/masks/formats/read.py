"""Mask files of one view, by suffix. Ids of input masks are unrelated across views and are made consecutive.

* .png: a label map, 8 or 16 bits, or palette indices; in colour, each colour is a segment and black (or transparent)
  is none.
* .npz: packed masks (`packed` = np.packbits of the flattened masks over axis 1, `shape` = M, H, W, `score`), or one
  array as below, named masks, segmentation, segments, label_map, labels or indices, or anything if it is the only one.
* .npy: (H,W) integers, a label map; (M,H,W) of 0 and 1 (or 255), masks; (L,H,W) of other integers, L label maps.
* .pt: the same array as a tensor (SAGA), or a dictionary with a tensor under one of these names.
* .json: run lengths or polygons, see `masks.formats.json_masks`.

No code in a file is ever run.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.errors import MaskError
from splatseg.masks.formats.json_masks import MAX_BYTES, check_size, segments_of_json
from splatseg.masks.formats.mixed import MIXED, mended, mixed_share
from splatseg.masks.segments import Segments, from_label_map, from_masks, from_packed

MAX_COLORS = 4096
"""Most distinct colours of a label map in colour; an image with more is a photograph."""

ARRAY_NAMES = ("masks", "segmentation", "segments", "label_map", "labels", "indices")
"""Names of arrays of masks, in order of preference."""


def read_segments(path: Path) -> Segments:
    """Read the segments of one mask file, at its own size. Raises MaskError, which names the file, if it is damaged."""
    try:
        return READERS[path.suffix.lower()](path)
    except MaskError:
        raise
    except Exception as error:  # decoders raise nearly any type of error on damaged files
        reason = str(error) or type(error).__name__
        raise MaskError(f"the mask {path} cannot be read ({reason}); it is damaged or not a mask") from error


def read_label_map(path: Path) -> np.ndarray:
    """Read a PNG as label map (H,W) int32, with the ids as stored. Raises MaskError if it cannot be read."""
    try:
        return _label_map(path)
    except MaskError:
        raise
    except Exception as error:  # as above
        raise MaskError(f"the label map {path} cannot be read ({error}); it is damaged or not an image") from error


def _label_map(path: Path) -> np.ndarray:
    """Return the label map (H,W) int32 of a PNG of any mode; of a colour image, ids in order of the colours."""
    return _labels_and_values(path)[0]


def _labels_and_values(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the label map (H,W) of a PNG and the values (H,W,C) int32 that a program that resizes it works with."""
    with Image.open(path) as image:
        if image.mode == "F":
            raise ValueError("floating-point pixels; ids are integers")
        if image.mode in ("LA", "PA"):
            image.load()
            labels, alpha = (np.asarray(image.getchannel(band)) for band in (0, 1))
            labels = np.where(alpha > 0, labels, 0).astype(np.int32)
            return labels, labels[..., None]
        if image.mode in ("1", "L") or image.mode.startswith("I"):
            labels = np.asarray(image).astype(np.int32)
            return labels, labels[..., None]
        rgba = np.asarray(image.convert("RGBA")).astype(np.int32)
        if image.mode == "P":
            return np.asarray(image).astype(np.int32), rgba[..., :3]
    # A colour as one integer. Black and transparent pixels become 0, no segment.
    colors = rgba[..., 0] << 16 | rgba[..., 1] << 8 | rgba[..., 2]
    colors[rgba[..., 3] == 0] = 0
    values, labels = np.unique(colors, return_inverse=True)
    if len(values) > MAX_COLORS:
        raise MaskError(
            f"{path} has {len(values)} different colours, so it is a picture, or a mask that was compressed (JPEG) or "
            "smoothed, and not a mask; give the folder of masks, written as PNG without either"
        )
    labels = labels.reshape(colors.shape).astype(np.int32)
    from_one: np.ndarray = labels if values[0] == 0 else labels + 1
    return from_one, rgba[..., :3]


_MIXED: set[Path] = set()
"""Folders of which the user knows that ids are mixed: one sentence does for all their files."""


def _read_png(path: Path) -> Segments:
    return from_label_map(_unmixed(path, *_labels_and_values(path)))


def _unmixed(path: Path, labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a label map, mended and with a warning if its ids are mixed. Raises MaskError if they stay mixed."""
    share = mixed_share(values)
    if share < MIXED:
        return labels
    found = mended(labels, values)
    why = (
        f"the ids of the mask {path} are mixed ({share:.0%} of the steps from one to another pass through values "
        "between), as in a picture that was compressed (JPEG), resized or drawn with smooth edges"
    )
    if found is None:
        raise MaskError(f"{why}, and cannot be told apart; write the masks anew as PNG, without any of these")
    if path.parent not in _MIXED:
        _MIXED.add(path.parent)
        warnings.warn(
            f"{why}; each mixed pixel is taken for the nearest id, here and in other files of the folder; write "
            "masks as PNG, without any of these",
            stacklevel=2,
        )
    return found


def _read_npy(path: Path) -> Segments:
    return _from_array(path, np.array(np.load(path, mmap_mode="r", allow_pickle=False)), None)


def _read_npz(path: Path) -> Segments:
    _check_declared_sizes(path)
    with np.load(path, allow_pickle=False) as arrays:
        scores = next((arrays[name] for name in ("score", "scores") if name in arrays), None)
        if "packed" in arrays:
            return _from_packed_arrays(arrays["packed"], arrays["shape"], scores)
        names = [name for name in ARRAY_NAMES if name in arrays] or [
            name for name in arrays.files if name not in ("score", "scores")
        ]
        if len(names) != 1 and names[0] not in ARRAY_NAMES:
            raise ValueError(f"of the arrays {', '.join(names)} none is named 'packed' or 'masks'")
        return _from_array(path, arrays[names[0]], scores)


def _check_declared_sizes(path: Path) -> None:
    """Raise ValueError if members of the archive declare more than they hold, before numpy allocates memory."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(stream)
                declared = int(np.prod([int(size) for size in shape], dtype=object)) * dtype.itemsize
                if declared + stream.tell() > member.file_size:
                    raise ValueError(f"{member.filename} declares {declared} bytes and holds fewer")
                if declared > MAX_BYTES:
                    raise ValueError(f"{member.filename} declares {declared} bytes")


def _from_packed_arrays(packed: np.ndarray, shape: np.ndarray, scores: np.ndarray | None) -> Segments:
    count, height, width = (int(size) for size in shape)
    check_size(height, width)
    if packed.dtype != np.uint8 or packed.shape != (count, (height * width + 7) // 8):
        raise ValueError(f"packed masks of {packed.dtype} {packed.shape} do not have the shape {count, height, width}")
    return from_packed(packed, height, width, scores)


def _from_array(path: Path, array: np.ndarray, scores: np.ndarray | None) -> Segments:
    """Return the segments of an array (H,W) or (M,H,W) by the rules of the module."""
    if array.ndim == 4 and array.shape[1] == 1:  # SAM's own (M, 1, H, W)
        array = array[:, 0]
    if array.dtype.kind == "f" and np.isin(array, (0, 1)).all():
        array = array.astype(bool)
    if array.dtype.kind not in "biu" or array.ndim not in (2, 3):
        raise ValueError(f"an array of {array.dtype} {array.shape}, neither a label map (H,W) nor masks (M,H,W)")
    check_size(array.shape[-2], array.shape[-1])
    if array.ndim == 2:
        return from_label_map(_plane(path, array))
    if array.dtype.kind == "b" or np.isin(array, (0, 1)).all() or np.isin(array, (0, 255)).all():
        return from_masks(array != 0, scores if scores is not None and scores.shape == array.shape[:1] else None)
    return _from_label_maps([from_label_map(_plane(path, plane)) for plane in array])


def _plane(path: Path, labels: np.ndarray) -> np.ndarray:
    """Return a label map (H,W) of an array file, mended if its ids are mixed; ids beyond 2^31 cannot be a picture's."""
    if labels.dtype.kind == "b" or labels.max(initial=0) >= 1 << 31:
        return labels
    kept = labels.astype(np.int32)
    return _unmixed(path, kept, kept[..., None])


def _from_label_maps(maps: list[Segments]) -> Segments:
    """Return the segments of several label maps of one view: the ids of each follow those of the map before."""
    offsets = np.cumsum([0, *(segments.count for segments in maps)])
    layers = [
        np.where(segments.layers[0] > 0, segments.layers[0] + offset, 0).astype(np.int32)
        for segments, offset in zip(maps, offsets, strict=False)
    ]
    return Segments(tuple(layers), int(offsets[-1]), np.ones(offsets[-1], np.float32))


def _read_pt(path: Path) -> Segments:
    """Read SAGA's sam_masks/<stem>.pt, a tensor (M,H,W). Raises MaskError for pickled objects, which are never run."""
    import torch  # noqa: PLC0415 (only these files need it)

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise MaskError(
            f"the mask {path} holds more than tensors (Python objects, perhaps code), so it is not opened; save the "
            "tensor of masks alone"
        ) from error
    if isinstance(content, dict):
        content = next((content[name] for name in ARRAY_NAMES if name in content), content)
    if not isinstance(content, torch.Tensor):
        raise ValueError(f"a {type(content).__name__} and no tensor of masks (M,H,W)")
    if content.numel() > MAX_BYTES:  # a small file can declare a huge tensor that repeats a few numbers
        raise ValueError(f"a tensor of {content.numel()} numbers")
    return _from_array(path, content.numpy(), None)


def _read_json(path: Path) -> Segments:
    return segments_of_json(json.loads(path.read_text(encoding="utf-8-sig")))


READERS: dict[str, Callable[[Path], Segments]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".pt": _read_pt,
    ".json": _read_json,
    ".png": _read_png,
}
"""Readers by suffix. If a view has several files, the first suffix of this list is taken."""
