"""The files of masks in a folder, or the masks of all views in one file, and which files are of one view.

A folder with masks in a subfolder that has another program's name (`PEER_FOLDERS`) may be given itself. Instead of a
folder there may be one file with the masks of all views, a COCO data set or a .npz, or a folder with one (`DATA_SETS`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from splatseg.capture.images import stem_of
from splatseg.capture.matching import match_closely, match_names
from splatseg.errors import MaskError
from splatseg.masks.formats.array_masks import ArraysOfViews, arrays_of_views
from splatseg.masks.formats.coco_dataset import CocoDataset, read_coco_dataset, read_coco_datasets
from splatseg.masks.formats.mask_files import METADATA
from splatseg.masks.formats.read import PICTURES, READERS
from splatseg.masks.names import folders_of_objects, folders_of_views, names_with_objects, numbered_names
from splatseg.masks.not_read import WAYS_OUT, kind_of, refused_file, refused_files

RECORD_NAME = "masks.json"
"""Record of how `splatseg masks` made the masks next to it; not a mask."""


PEER_FOLDERS = ("seg_masks", "object_mask", "sam_masks", "language_features", "mask_data", "SegmentationObject")
"""Folders of masks of Contrastive Gaussian Clustering, Gaussian Grouping, SAGA, LangSplat, Grounded-SAM-2, and of data
sets like Pascal VOC."""

ARRAYS = (".npz", ".npy", ".pt", ".pth")
"""Suffixes of arrays."""

MOST_DATA_SETS = 64
"""Most JSON files in a folder that are tried as parts of a data set."""

DATA_SETS = (
    *("_annotations.coco.json", "result.json", "result_coco.json"),
    *("instances_default.json", "annotations/instances_default.json"),
)
"""COCO data sets in the folders that Roboflow, Label Studio and CVAT export."""

MasksOfViews = CocoDataset | ArraysOfViews
"""Masks of many views in one file, by name."""


def masks_in(path: Path) -> tuple[Path, MasksOfViews | None, dict[str, tuple[Path, ...]]]:
    """Return the folder of the masks or the file with those of all views, and the files by name without suffix.

    For one file, files are the names in it. Raises MaskError if there are none.
    """
    if path.is_dir():
        path = next((inner for name in DATA_SETS if (inner := path / name).is_file()), path)
    if not path.exists():
        raise MaskError(f"there is no folder of masks: {path}; check the path")
    if not path.is_dir():
        whole = _one_file(path)
        if not whole.names:
            raise MaskError(f"{path} holds no masks; give one that does")
        return path, whole, names_in(whole)
    path = _folder_of_masks(path)
    found = _mask_files(path)
    if not found:
        files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
        raise refused_files(path, files, f"files {', '.join(READERS)}")
    return path, None, found


def require_masks(paths: Iterable[Path | str], capture: Path) -> None:
    """Check that folders of masks are there. Raises MaskError, which names a folder of the capture if that is meant."""
    for path in map(Path, paths):
        if not path.exists():
            names = [part for part in path.parts if part != path.anchor][-3:]
            tails = [capture.joinpath(*names[-count:]) for count in range(1, len(names) + 1)]
            near = next((tail for tail in tails if tail.exists()), None)
            meant = "check the path" if near is None else f"{near} is there, did you mean that?"
            raise MaskError(f"there is no folder of masks: {path}; {meant}")


def names_in(whole: MasksOfViews) -> dict[str, tuple[Path, ...]]:
    """Return the names in one file by name without suffix, as if they were files."""
    return {stem_of(name.removesuffix(".npy")): (Path(name),) for name in whole.names}


def masks_of_all_views(path: Path, found: dict[str, tuple[Path, ...]]) -> MasksOfViews | None:
    """Return the data set that JSON files in a folder are, or the arrays of its only .npz, or None.

    Raises MaskError, with the way out, for an only file that may be meant as the masks of all views.
    """
    files = [file for inside in found.values() for file in inside]
    if len(files) == 1:
        return _one_file(files[0]) if files[0].suffix.lower() in (*ARRAYS, ".json") else None
    data_sets = [file for file in files if file.suffix.lower() == ".json"]
    if data_sets and len(data_sets) <= MOST_DATA_SETS:
        return read_coco_datasets(path, data_sets)
    return None


def _one_file(path: Path) -> MasksOfViews:
    if path.suffix.lower() == ".json":
        return read_coco_dataset(path)
    if path.suffix.lower() != ".npz":
        raise refused_file(path)
    return arrays_of_views(path)


def _folder_of_masks(path: Path) -> Path:
    """Return the folder itself, or the one folder in it that has the name of another program's masks."""
    inner = [path / name for name in PEER_FOLDERS if (path / name).is_dir()]
    if len(inner) > 1:
        names = " and ".join(folder.name for folder in inner)
        raise MaskError(f"{path} holds several folders of masks, {names}; give the one to take")
    return inner[0] if inner else path


def _mask_files(path: Path) -> dict[str, tuple[Path, ...]]:
    """Return files by their path inside the folder without suffix, sorted; of several suffixes the first of READERS.

    Pictures that are not PNG count if there is nothing else: beside masks they are the photographs. A folder with a
    table of masks (`formats.mask_files`) is one entry, the files in it by number.
    """
    rank = {suffix: i for i, suffix in enumerate(READERS)}
    files = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in rank
        and not file.name.startswith(".")
        and file != path / RECORD_NAME
        and file.is_file()
    ]
    masks = [file for file in files if file.suffix.lower() not in PICTURES]
    if files and not masks:
        # Pictures beside files of masks that are not read are the photographs.
        unread = [
            file for file in path.rglob("*") if kind_of(file) in WAYS_OUT and file.stem in {f.stem for f in files}
        ]
        if unread:
            raise refused_files(path, unread, "")
    files = masks or files
    found: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (rank[file.suffix.lower()], file.as_posix())):
        relative = file.relative_to(path).as_posix()
        found.setdefault(relative[: -len(file.suffix)], file)
    tables = {folder for folder in {file.parent for file in found.values()} if (folder / METADATA).is_file()}
    whole: dict[str, tuple[Path, ...]] = {key: (file,) for key, file in found.items() if file.parent not in tables}
    for folder in tables:
        inside = [file for file in found.values() if file.parent == folder]
        key = folder.relative_to(path).as_posix()
        whole[path.name if key == "." else key] = tuple(sorted(inside, key=_number_first))
    return dict(sorted(whole.items()))


def parts_of_views(names: Sequence[str], found: dict[str, tuple[Path, ...]]) -> dict[str, tuple[Path, ...]]:
    """Return the files of the views that have several, each with a mask: a folder, or numbers behind the name."""
    tables = {key: files for key, files in found.items() if len(files) > 1}
    parts = {name: tables[key] for name, key in match_names(names, tables).items()}
    single = {key: files[0] for key, files in found.items() if len(files) == 1}
    of_views: dict[str, tuple[str, ...]] = {}
    for by_words in (False, True):
        of_views = folders_of_views(names, single, by_words)
        of_objects = folders_of_objects(names, single, by_words)
        if not parts and len(of_objects) > len(of_views):
            of_views = of_objects  # folders of few objects, whose numbers views have as well
        if parts or of_views:
            break
    for name, inside in of_views.items():
        parts.setdefault(name, tuple(sorted((single[key] for key in inside), key=_number_first)))
    taken = {file for files in parts.values() for file in files}
    left = {key: file for key, file in single.items() if file not in taken}
    closely = match_closely(names, left)
    rest = [name for name in names if name not in parts and name not in closely]
    # Where other views have a mask of their own name, two that only contain a name are not those of two objects.
    several = names_with_objects(rest, left.keys()) if not closely else {}
    if not several:
        # A file that is the only one of its view is not one of several, whatever number its name ends with.
        alone = match_names(names, left)
        rest = [name for name in names if name not in parts and name not in alone]
        several = numbered_names(rest, left.keys() - alone.values())
    parts |= {name: tuple(left[key] for key in keys) for name, keys in several.items()}
    return parts


def _number_first(file: Path) -> tuple[int, str]:
    """Return a key that sorts names that are numbers by their value, before others."""
    return (int(file.stem) if file.stem.isdecimal() else 1 << 62, file.name)
