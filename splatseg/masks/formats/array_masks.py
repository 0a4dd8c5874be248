"""Masks of one view in arrays: .npy, .npz and tensors.

Integers (H,W) are a label map; (M,H,W) of 0 and 1 (or 255) masks; (L,H,W) of other integers L label maps, of which -1
is none if they have it, as in the four levels that LangSplat writes. Floats are such integers, or probabilities, mostly
near 0 or 1, which are masks above 1/2. The axis of masks may be the last one; bytes (H,W,3) are colours.

A .npz holds packed masks (`packed` = np.packbits of the flattened masks over axis 1, `shape` = M, H, W, `score`), or
one array under a name of `ARRAY_NAMES`, or anything if it is the only one, or an array for each mask. Boxes, classes
and the like beside them (`NO_MASKS`) are left out.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.errors import MaskError, SplatsegError
from splatseg.masks.formats.json_masks import check_size
from splatseg.masks.formats.label_maps import BANDS, PIXEL, of_colors, unmixed
from splatseg.masks.formats.mixed import SAME
from splatseg.masks.segments import Segments, from_label_map, from_masks, from_packed
from splatseg.untrusted.archives import check_zip, read_npy, read_npz
from splatseg.untrusted.memory import Guard

TENSOR_PICKLE = 1 << 20
"""Most bytes of the part of a .pt that is not numbers: one tensor needs a few hundred."""

CLEAR = 0.75
"""Least share of probabilities that are nearly 0 or 1: masks have others along edges, depth or heat maps everywhere."""

ARRAY_NAMES = (
    *("masks", "segmentation", "segments", "label_map", "pred_masks", "segmentations", "mask", "labels", "indices"),
)
"""Names of arrays of masks, in order of preference."""

NO_MASKS = (
    *("score", "scores", "pred_scores", "conf", "confidence", "iou", "ious", "iou_predictions", "logits", "area"),
    *("areas", "box", "boxes", "bbox", "bboxes", "pred_boxes", "class", "classes", "pred_classes", "class_ids"),
    *("names", "label_names", "point", "points", "point_coords", "ids", "obj_ids", "object_ids", "shape", "size"),
)
"""Names of arrays beside those of masks."""

FEWEST_PIXELS = 16
"""Sides of pictures are longer: of three axes, a last one that is shorter, and shorter than the others, is of masks."""


def read_npy_masks(path: Path) -> Segments:
    """Return the segments in a .npy. Raises MaskError if it takes too much memory, ValueError for anything else."""
    return from_array(path, read_npy(path, Guard.of(path, MaskError), fold=1), None)


def read_npz_masks(path: Path) -> Segments:
    """Return the segments in a .npz. Raises as `read_npy_masks` does."""
    guard = Guard.of(path, MaskError)
    members = [name.removesuffix(".npy") for name in check_zip(path, guard)]
    known = [name for name in ("packed", *ARRAY_NAMES) if name in members]
    names = known[:1] or [name for name in members if name.lower() not in NO_MASKS]
    if not names:
        raise ValueError("it holds no arrays")
    shape = ("shape",) if names[0] == "packed" else ()
    arrays = read_npz(path, guard, (*names, "score", "scores", *shape), fold=1)
    scores = next((arrays[name] for name in ("score", "scores") if name in arrays), None)
    if names[0] == "packed":
        return _from_packed_arrays(path, arrays["packed"], arrays["shape"], scores)
    if len(names) == 1:
        return from_array(path, arrays[names[0]], scores)
    shapes = {arrays[name].shape for name in names}
    if len(shapes) > 1 or len(shapes.pop()) != 2:
        raise ValueError(f"of the arrays {', '.join(names[:9])} none is named 'packed' or 'masks'")
    masks = [arrays[name] for name in names]  # an array for each mask
    takes = sum(mask.nbytes for mask in masks) + len(masks) * masks[0].size * np.result_type(*masks).itemsize
    guard.check(f"{len(masks)} arrays", takes)
    return from_array(path, np.stack(masks), scores)


@dataclass(frozen=True, eq=False)
class ArraysOfViews:
    """A .npz with an array for each view, under its name."""

    path: Path
    """Its file."""

    names: tuple[str, ...]
    """Names of the arrays, with the suffix .npy that they have in the file."""

    def segments(self, name: str) -> Segments:
        """Return the segments of the view of an array. Raises MaskError if it holds no masks."""
        try:
            (array,) = read_npz(
                self.path, Guard.of(self.path, MaskError), (name.removesuffix(".npy"),), fold=1
            ).values()
            return from_array(self.path, array, None)
        except SplatsegError:
            raise
        except Exception as error:  # damage can cause nearly any type of error
            raise MaskError(f"the masks '{name}' in {self.path} cannot be read ({error}); save them again") from error


def arrays_of_views(path: Path) -> ArraysOfViews:
    """Return the arrays of a .npz, none of them read yet. Raises MaskError if it cannot be read."""
    try:
        names = check_zip(path, Guard.of(path, MaskError))
    except (OSError, ValueError) as error:
        raise MaskError(f"{path} cannot be read ({error}); save it again") from error
    return ArraysOfViews(path, tuple(name for name in names if name.endswith(".npy")))


def _from_packed_arrays(path: Path, packed: np.ndarray, shape: np.ndarray, scores: np.ndarray | None) -> Segments:
    count, height, width = (int(size) for size in shape)
    check_size(height, width)
    if packed.dtype != np.uint8 or packed.shape != (count, (height * width + 7) // 8):
        raise ValueError(f"packed masks of {packed.dtype} {packed.shape} do not have the shape {count, height, width}")
    guard = Guard.of(path, MaskError)
    guard.check(f"{count} masks of {width}x{height} pixels", 3 * packed.nbytes + PIXEL * height * width)
    return from_packed(packed, height, width, scores, guard.allowed - 3 * packed.nbytes)


def from_array(path: Path, array: np.ndarray, scores: np.ndarray | None) -> Segments:
    """Return the segments of an array (H,W) or (M,H,W) by the rules of the module."""
    if array.ndim == 4 and 1 in array.shape[:2]:  # SAM's own (M, 1, H, W), SAM 2's (1, M, H, W)
        array = array[:, 0] if array.shape[1] == 1 else array[0]
    guard = Guard.of(path, MaskError)
    if array.ndim == 3 and (array.shape[2] == 1 or array.shape[2] < min(FEWEST_PIXELS, *array.shape[:2])):
        if array.dtype == np.uint8 and array.shape[2] in (3, 4) and not _holds_only(array, 1):
            return _of_colored_pixels(path, array, guard)
        array = np.moveaxis(array, 2, 0)
        array = array[0] if len(array) == 1 else array
    if array.dtype.kind == "f":
        guard.check(f"{array.size} numbers", 2 * array.nbytes)
        array = _of_floats(array)
    if array.dtype.kind not in "biu" or array.ndim not in (2, 3):
        raise ValueError(f"an array of {array.dtype} {array.shape}, neither a label map (H,W) nor masks (M,H,W)")
    height, width = array.shape[-2:]
    check_size(height, width)
    guard.check(f"{width}x{height} pixels", array.nbytes + PIXEL * height * width)
    if array.ndim == 2:
        return from_label_map(_plane(path, array))
    if array.dtype.kind == "b" or _holds_only(array, 1) or _holds_only(array, 255):
        takes = array.nbytes + array.size + array.size // 4
        guard.check(f"{len(array)} masks of {width}x{height} pixels", takes)
        kept = scores if scores is not None and scores.shape == array.shape[:1] else None
        return from_masks(array != 0, kept, guard.allowed - takes)
    guard.check(f"{len(array)} label maps of {width}x{height} pixels", array.nbytes + 8 * array.size)
    if array.dtype.kind == "i" and array.min() == -1:  # LangSplat's none; its first segment is 0
        array = array.astype(np.int64) + 1
    return _from_label_maps([from_label_map(_plane(path, plane)) for plane in array])


def _of_colored_pixels(path: Path, array: np.ndarray, guard: Guard) -> Segments:
    """Return the segments of a picture (H,W,3) or (H,W,4) of bytes, as those of the same picture in a .png."""
    height, width = array.shape[:2]
    check_size(height, width)
    guard.check(f"{width}x{height} pixels", array.nbytes + PIXEL * height * width)
    rgba = np.full((height, width, 4), 255, np.uint8)
    rgba[..., : array.shape[2]] = array
    return from_label_map(unmixed(path, *of_colors(path, rgba)))


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield all numbers of an array part by part, in any order, so that nothing of its size is made."""
    flat = array.ravel(order="K")
    return (flat[start : start + BANDS] for start in range(0, len(flat), BANDS))


def _holds_only(array: np.ndarray, value: int) -> bool:
    """Tell whether all numbers of an array are 0 or `value`."""
    return all(bool(((part == 0) | (part == value)).all()) for part in _parts(array))


def _of_floats(array: np.ndarray) -> np.ndarray:
    """Return whole numbers as integers, probabilities 0..1 as booleans. Raises ValueError for other floats."""
    if not all(np.isfinite(part).all() for part in _parts(array)):
        raise ValueError(f"an array of {array.dtype} {array.shape} with numbers that are not finite")
    low = min((float(part.min()) for part in _parts(array)), default=0.0)
    high = max((float(part.max()) for part in _parts(array)), default=0.0)
    if low >= 0 and high <= 1:
        clear = sum(int((np.abs(part - 0.5) >= 0.5 - SAME).sum()) for part in _parts(array))
        if clear >= CLEAR * array.size:
            return array > 0.5
    if max(-low, high) < 1 << 31 and all((part == np.floor(part)).all() for part in _parts(array)):
        return array.astype(np.int32)
    way = "; save logits > 0" if low < 0 < high and array.ndim > 2 else ""
    way = (
        "; language features, of which the masks are the files _s.npy beside them"
        if array.shape[-1:] == (512,)
        else way
    )
    raise ValueError(f"an array of {array.dtype} {array.shape}, neither a label map (H,W) nor masks (M,H,W){way}")


def _plane(path: Path, labels: np.ndarray) -> np.ndarray:
    """Return a label map (H,W) of an array file, mended if its ids are mixed; ids beyond 2^31 cannot be a picture's."""
    if labels.dtype.kind == "b" or labels.max(initial=0) >= 1 << 31:
        return labels
    kept = labels.astype(np.int32)
    return unmixed(path, kept, kept[..., None])


def _from_label_maps(maps: list[Segments]) -> Segments:
    """Return the segments of several label maps of one view: the ids of each follow those of the map before."""
    offsets = np.cumsum([0, *(segments.count for segments in maps)])
    layers = [
        np.where(segments.layers[0] > 0, segments.layers[0] + offset, 0).astype(np.int32)
        for segments, offset in zip(maps, offsets, strict=False)
    ]
    return Segments(tuple(layers), int(offsets[-1]), np.ones(offsets[-1], np.float32))


def read_tensor(path: Path) -> Segments:
    """Read SAGA's sam_masks/<stem>.pt, a tensor (M,H,W). Raises MaskError for pickled objects, which are never run."""
    import torch  # noqa: PLC0415 (only these files need it)

    guard = Guard.of(path, MaskError)
    with path.open("rb") as file:
        sizes = check_zip(path, guard) if file.read(2) == b"PK" else {}
    if any(size > TENSOR_PICKLE for name, size in sizes.items() if name.endswith(".pkl")):
        raise ValueError("much beside its numbers")
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
    # A small file can declare a huge tensor that repeats a few numbers, or more numbers than it holds.
    guard.check(f"a tensor of {content.numel()} numbers", content.numel() * content.element_size())
    if content.untyped_storage().nbytes() > (sum(sizes.values()) or guard.length):
        raise ValueError("more numbers declared than it holds")
    return from_array(path, content.numpy(), None)
