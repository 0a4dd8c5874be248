"""Figures of `splatseg evaluate` for the report of a run: only those that were measured on its present segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from splatseg.run.folder import Run
from splatseg.splats.made_of import changed_parts, recorded
from splatseg.splats.splats import Splats
from splatseg.untrusted.documents import DocumentError, Field, read_json

TITLES = {"mIoU": "miou", "mBIoU": "mbiou", "ARI": "ari"}
"""Titles of the figures, and their names in evaluation.json."""


@dataclass(frozen=True)
class Evaluated:
    """The content of an evaluation.json; empty without one, or if it cannot be read or is of other segments."""

    accuracy: dict[str, float] = field(default_factory=dict)
    """Figures by title; figures that were not measured are left out."""
    objects: tuple[dict[str, Any], ...] = ()
    """Rows of the table of objects, things first."""
    trouble: str = ""
    """A sentence that says why there are no figures though there is a file."""


def read_evaluated(run: Run, splats: Splats) -> Evaluated:
    """Read the figures in a run's evaluation.json; splats: the run's own. Raises nothing: a report goes on without."""
    path, again = run.evaluation_path, f"run `splatseg evaluate {run.path} --gt DIR` again"
    try:
        document = read_json(path)
        means, objects = document["means"], document.get("objects")
        accuracy = {title: mean for title, key in TITLES.items() if (mean := _share(means.get(key))) is not None}
        rows = () if objects is None else tuple(_rows(objects))
    except FileNotFoundError:
        return Evaluated()
    except DocumentError as error:
        return Evaluated(trouble=f"{path} cannot be read ({error}), so its figures are left out; {again}")
    digests = recorded(path)
    if not digests:
        return Evaluated(trouble=f"{path} does not say what it was measured on, so its figures are left out; {again}")
    if changed_parts(digests, splats):
        return Evaluated(trouble=f"{path} was measured on earlier segments, so its figures are left out; {again}")
    return Evaluated(accuracy, rows)


def _share(value: Field | None) -> float | None:
    # An adjusted Rand index can be negative.
    return None if value is None else value.number(-1, 1)


def _rows(objects: Field) -> list[dict[str, Any]]:
    return [
        {
            "object": row["name"].text(),
            "kind": kind,
            "prompt view": row["prompt_view"].text(),
            "IoU": row["iou"].number(0, 1),
            "boundary IoU": row["boundary_iou"].number(0, 1),
        }
        for kind in ("things", "stuff")
        if (group := objects.get(kind)) is not None
        for row in group.items()
    ]
