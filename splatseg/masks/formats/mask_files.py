"""Masks of one view in several files, one mask each: black and white pictures, or whatever `masks.formats.read` takes.

segment-anything's scripts/amg.py writes such a folder for each view, with a metadata.csv: a row a mask, its number as
`id`, and `predicted_iou` and `stability_score`, which are read as scores. Masks may overlap. A file that is a label map
gives all its ids, but not if the files lie in several folders: these hold an object each, or maps of different kinds.

Alphabet: M masks of all files, H x W pixels.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splatseg.errors import MaskError
from splatseg.masks.formats.json_masks import PIXEL, score_of
from splatseg.masks.formats.read import read_segments
from splatseg.masks.segments import Segments, from_packed
from splatseg.untrusted.memory import Guard

METADATA = "metadata.csv"
"""Name of the table of a folder."""

ROW = 128
"""Bytes that a byte of the table takes: a score by a name of a few characters."""


def read_mask_files(files: Sequence[Path]) -> Segments:
    """Read the masks in files of one view, one size all. Raises MaskError if one of them cannot be read."""
    scores_of = _read_metadata(files[0].parent / METADATA)
    guard = Guard(MaskError, f"the folder {files[0].parent}", sum(path.stat().st_size for path in files))
    left = guard.allowed
    packed: list[np.ndarray] = []
    scores: list[float] = []
    size: tuple[int, int] | None = None
    for path in files:
        segments = read_segments(path)
        here = (segments.height, segments.width)
        size = size or here
        if here != size:
            raise MaskError(
                f"the masks of one view differ in size: {path} is {here[1]}x{here[0]} and {files[0].name} "
                f"{size[1]}x{size[0]}; write them anew from one picture"
            )
        if segments.count > 1 and path.parent != files[0].parent:
            raise MaskError(
                f"{path} has {segments.count} ids and lies in one of several folders with masks of that view; give the "
                "one folder to take"
            )
        # Copies of the bits: one by one, in one array, as whole words; and one to spare.
        bits = 4 * (len(packed) + segments.count) * ((here[0] * here[1] + 7) // 8)
        guard.check(f"over {len(packed)} masks of one view", bits + PIXEL * here[0] * here[1])
        left = guard.allowed - bits
        packed += [np.packbits(segments.mask(i)) for i in range(1, segments.count + 1)]
        scores += [scores_of.get(path.stem, 1.0)] * segments.count
    height, width = size or (1, 1)
    stacked = np.stack(packed) if packed else np.zeros((0, (height * width + 7) // 8), np.uint8)
    try:
        return from_packed(stacked, height, width, np.array(scores, np.float32), left)
    except ValueError as error:
        raise MaskError(f"the masks in {files[0].parent} cannot be read ({error})") from error


def _read_metadata(path: Path) -> dict[str, float]:
    """Return scores by file name without suffix; empty without a table. Raises MaskError if it is damaged."""
    if not path.is_file():
        return {}
    guard = Guard.of(path, MaskError)
    guard.check(f"{guard.length:,} bytes of a table", ROW * guard.length)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {str(row["id"]).strip(): score_of(row) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise MaskError(f"{path} cannot be read ({error}); give the folder as scripts/amg.py wrote it") from error
