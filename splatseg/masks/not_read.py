"""Files of masks that are not read, and the way out of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from splatseg.capture.images import VIDEO_SUFFIXES
from splatseg.errors import MaskError
from splatseg.plain_text import first_few

_HDF5 = "HDF5 is not read; save the masks of each view as <view>.npy with h5py and numpy.save"
_PICKLE = "a pickle can run code and is never opened; save the masks of each view as <view>.npy with numpy.save"
_PACKED = "unpack it, and give the folder"
_FLOATS = "pictures of floating-point numbers are not read; save ids as 16-bit PNG, or as .npy"

WAYS_OUT = {
    **dict.fromkeys((".h5", ".hdf5"), _HDF5),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLE),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".xz", ".zst"), _PACKED),
    **dict.fromkeys((".exr", ".hdr", ".pfm"), _FLOATS),
    **dict.fromkeys(VIDEO_SUFFIXES, "a video; write a PNG for each frame that is a view, named like the view"),
    ".txt": "polygons of YOLO have no size; export as COCO, which Roboflow, CVAT and Label Studio do",
    ".xml": "XML of CVAT or Pascal VOC is not read; export as COCO, or as masks in PNG",
    ".mat": "save the masks of each view as <view>.npy with scipy.io.loadmat and numpy.save",
    ".csv": "run lengths in tables are not read; export as COCO",
    ".jsonl": "export as COCO, or write a .json for each view",
    ".safetensors": "save the masks of each view as <view>.npy with safetensors.numpy.load_file and numpy.save",
    ".svg": "draw the masks into PNG files",
}
"""Sentence on files of masks that are not read, by suffix."""


def kind_of(path: Path) -> str:
    """Return the suffix that tells the content: of "a.pkl.gz" that of the pickle."""
    inner = Path(path.stem).suffix.lower()
    return inner if path.suffix.lower() in (".gz", ".xz", ".zst") and inner in WAYS_OUT else path.suffix.lower()


def refused_file(path: Path) -> MaskError:
    """Return the error, with the way out, for one file given as the masks of all views."""
    kind = kind_of(path)
    if kind in (".npy", ".pt", ".pth"):
        return MaskError(
            f"{path} is one array for all views, and does not say which part is of which view; save a .npz with an "
            "array under the name of each view: np.savez('masks.npz', **{view: array, ...})"
        )
    way = WAYS_OUT.get(kind, "give a folder with a file for each view, a COCO data set (.json), or a .npz by views")
    return MaskError(f"{path} is not a folder of masks: {way}")


def refused_files(folder: Path, files: Iterable[Path], expected: str) -> MaskError:
    """Return the error for a folder without masks that are read, with the way out of what is in it instead."""
    kinds: dict[str, list[str]] = {}
    for file in sorted(files):
        kinds.setdefault(kind_of(file), []).append(file.relative_to(folder).as_posix())
    known = Counter({kind: len(names) for kind, names in kinds.items() if kind in WAYS_OUT}).most_common(1)
    if known:
        ((kind, count),) = known
        return MaskError(
            f"{folder} holds no masks but {count} {'file' if count == 1 else 'files'} {kind} "
            f"({first_few(kinds[kind])}): {WAYS_OUT[kind]}"
        )
    names = [name for several in kinds.values() for name in several]
    found = f"found {first_few(names)}" if names else "it is empty"
    return MaskError(f"{folder} holds no masks: expected {expected}, one for each view; {found}")
