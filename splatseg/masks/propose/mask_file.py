"""Mask files that splatseg writes, one for each view, in the layout of SA-1B, which users of SAM read.

    {"image": {"file_name": "left/000.jpg", "width": W, "height": H},
     "annotations": [{"id": 1, "segmentation": {"size": [H, W], "counts": "..."}, "area": ..., "bbox": [x, y, w, h],
                      "predicted_iou": ...}, ...]}

Masks may overlap; the best score comes first. A view without masks has an empty list.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from splatseg.errors import MaskError
from splatseg.files import write_text
from splatseg.masks.formats.rle import area_of_runs, box_of_runs, compressed_counts
from splatseg.masks.propose.proposals import Proposals
from splatseg.untrusted.documents import DocumentError, read_json


def write_mask_file(path: Path, view_name: str, proposals: Proposals, score_name: str) -> None:
    """Write the masks of a view atomically. score_name: the key of the scores."""
    size = [proposals.height, proposals.width]
    rows: list[dict[str, Any]] = [
        {
            "id": i,
            "segmentation": {"size": size, "counts": compressed_counts(runs)},
            "area": area_of_runs(runs),
            "bbox": list(box_of_runs(runs, proposals.height)),
            score_name: round(float(score), 6),
        }
        for i, (runs, score) in enumerate(zip(proposals.runs, proposals.scores, strict=True), start=1)
    ]
    image = {"file_name": view_name, "width": proposals.width, "height": proposals.height}
    write_text(path, json.dumps({"image": image, "annotations": rows}, separators=(",", ":"), allow_nan=False))


def count_masks(path: Path) -> int:
    """Return the number of masks in a file of `write_mask_file`. Raises MaskError for any other file."""
    try:
        return len(read_json(path)["annotations"].items())
    except (OSError, DocumentError) as error:
        raise MaskError(f"{path} holds no masks ({error}); remove it, and it is made again") from error
