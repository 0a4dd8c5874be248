"""Structure from motion in a child process: photographs in, the largest model and a word about every photograph out.

    CAPTURE/images/       the photographs               CAPTURE/poses/poses.json    what was asked, what came of it
    CAPTURE/sparse/0/     the model, as COLMAP writes   CAPTURE/poses/database.db   features and matches
                                                        CAPTURE/poses/log.txt       what COLMAP said

Features and matches stay in the database, so work that was stopped goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.errors import CaptureError
from splatseg.files import write_json
from splatseg.parts import make_folder, part_folder
from splatseg.poses.child import OnProgress, require_pycolmap, run_child
from splatseg.poses.left_out import LeftOut
from splatseg.poses.photographs import FEWEST, Photograph
from splatseg.untrusted.documents import DocumentError, read_json

POSES, RECORD, DATABASE, LOG = "poses", "poses.json", "database.db", "log.txt"
"""Folder in a capture, and files in it."""

ENOUGH = 0.5
"""Share of the photographs below which the model is hardly what was meant."""


@dataclass(frozen=True)
class Reconstructed:
    """The model of a capture's photographs."""

    registered: int
    """Photographs with a pose."""

    points: int
    """Points of the model."""

    error: float
    """Mean reprojection error, pixels."""

    left_out: tuple[LeftOut, ...]
    """Photographs without a pose."""

    @property
    def total(self) -> int:
        """All photographs."""
        return self.registered + len(self.left_out)


def reconstruct(
    capture: Path, photographs: Sequence[Photograph], camera: str, matching: str, on_progress: OnProgress
) -> Reconstructed:
    """Make the model of photographs in `capture`/images and put it into `capture`/sparse/0.

    camera: COLMAP's name of the lens. matching: "exhaustive", "sequential" or "alike".

    Raises BackendError without pycolmap, CaptureError if the folder was begun with other photographs or settings, if no
    model comes out, or if the child fails.
    """
    require_pycolmap()
    work = capture / POSES
    make_folder(work)
    asked = {"camera": camera, "matching": matching, "photographs": {p.name: p.lens for p in photographs}}
    _check_begun(work / RECORD, asked, capture)
    write_json(work / RECORD, asked)
    with part_folder(work / "models") as models:
        task = {
            "what": "poses",
            "images": str(capture / "images"),
            "names": [photograph.name for photograph in photographs],
            "lenses": [photograph.lens for photograph in photographs],
            "database": str(work / DATABASE),
            "models": str(models),
            "camera": camera,
            "matching": matching,
        }
        answer = run_child(task, work / LOG, on_progress)
        result = _result(answer, capture, work / LOG)
        shutil.rmtree(capture / "sparse" / "0", ignore_errors=True)
        make_folder(capture / "sparse")
        Path(answer["models"][0]["folder"]).rename(capture / "sparse" / "0")
    facts = {"registered": result.registered, "points": result.points, "reprojection_error": result.error}
    left_out = [{"name": row.name, "reason": row.reason} for row in result.left_out]
    write_json(work / RECORD, asked | facts | {"left_out": left_out})
    return result


def _check_begun(record: Path, asked: dict[str, Any], capture: Path) -> None:
    if not record.exists():
        return
    try:
        begun = read_json(record).plain()
    except (OSError, DocumentError) as error:
        raise CaptureError(f"{record} cannot be read ({error}); name another folder, or remove {capture}") from None
    for name, what in (("photographs", "other photographs"), ("camera", "another --camera")):
        if not isinstance(begun, dict) or begun.get(name) != asked[name]:
            raise CaptureError(f"{capture} was begun with {what}; name another folder with -o, or remove it")


def _result(answer: dict[str, Any], capture: Path, log: Path) -> Reconstructed:
    rows, models = answer["photographs"], answer["models"]
    if not models or models[0]["images"] < FEWEST:
        features = sorted(int(row["features"]) for row in rows)
        raise CaptureError(
            f"no poses came out of the {len(rows)} photographs in {capture / 'images'} (a median of "
            f"{features[len(features) // 2]} features, and at most {max(int(row['matches']) for row in rows)} matches "
            f"of two photographs): take more that overlap by two thirds, from places that differ; see {log}"
        )
    left_out = tuple(
        LeftOut(row["name"], row["features"], row["matches"], models[row["model"]]["images"] if row["model"] > 0 else 0)
        for row in rows
        if row["model"] != 0
    )
    best = models[0]
    return Reconstructed(len(rows) - len(left_out), best["points"], best["error"], left_out)
