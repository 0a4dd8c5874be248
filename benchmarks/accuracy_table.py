"""Tables of the measurements of accuracy: a line a row, mean and spread over seeds, means over scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

COLUMNS = {
    "ceiling": "ceiling_miou",
    "  mBIoU": "ceiling_mbiou",
    "mask": "mask_of_ceiling",
    "box": "box_of_ceiling",
    "click": "click_of_ceiling",
    "at cut": "cut_of_ceiling",
    "at level": "level_of_ceiling",
    "three": "three_of_ceiling",
    "node": "node_of_ceiling",
    "ARI": "ari_things",
    "ARI all": "ari",
    "PQ": "pq_things",
    "PQ cut": "pq_cut",
    "stuff": "click_stuff",
    "by mask": "mask_stuff",
    "segments": "segments",
    "seconds": "seconds",
}
"""Key of the figure by the title of its column."""

LEGEND = """ceiling: mIoU and mBIoU over things of what the true masks give on this geometry. Shares of the ceiling's
mIoU: mask, box, click, click at the granularity and at the level that are best, three clicks, best node of the
hierarchy. ARI and PQ of things (ARI all: of all pixels), PQ also at its best granularity. stuff: mean IoU by click, by
mask."""


def value_of(facts: dict, title: str) -> float:
    """The figure of a row in a column; NaN if the row lacks it. Seconds are summed over the parts of the row."""
    value = facts.get(COLUMNS[title])
    if isinstance(value, dict):
        return float(sum(value.values()))
    return float("nan") if value is None else float(value)


def header() -> str:
    """The titles of the columns."""
    return f"{'scene':12}{'masks':26}{'method':9}{'seed':7}" + "".join(f"{title:>9}" for title in COLUMNS)


def line(facts: dict) -> str:
    """One row; the message of a row that could not be measured."""
    start = f"{facts['scene']:12}{facts['masks']:26}{facts['method']:9}{facts['seed']!s:7}"
    if "error" in facts:
        return f"{start}  {facts['error']}"
    return start + _figures(lambda title: value_of(facts, title))


def over_seeds(found: Sequence[dict]) -> list[str]:
    """Mean and spread (greatest less least) over the rows of one scene, masks and method, in two lines; the rows that
    could not be measured are left out."""
    measured = [facts for facts in found if "error" not in facts]
    if len(measured) < 2:
        return []
    values = {title: np.array([value_of(facts, title) for facts in measured]) for title in COLUMNS}
    start = f"{found[0]['scene']:12}{found[0]['masks']:26}{found[0]['method']:9}"
    return [
        f"{start}{'mean':7}" + _figures(lambda title: float(values[title].mean())),
        f"{start}{'spread':7}" + _figures(lambda title: float(np.ptp(values[title]))),
    ]


def over_scenes(found: Iterable[dict]) -> list[str]:
    """Means over scenes, of the means over seeds, and the mean spread over seeds, for every masks and method."""
    by_row: dict[tuple[str, str], dict[str, list[dict]]] = {}
    for facts in found:
        if "error" not in facts:
            by_row.setdefault((facts["masks"], facts["method"]), {}).setdefault(facts["scene"], []).append(facts)
    lines = []
    for (masks, method), scenes in by_row.items():
        start = f"{f'{len(scenes)} scenes':12}{masks:26}{method:9}"
        of_scenes = {
            title: [[value_of(facts, title) for facts in of_scene] for of_scene in scenes.values()] for title in COLUMNS
        }
        means = {title: _mean([_mean(values) for values in of_scenes[title]]) for title in COLUMNS}
        lines.append(f"{start}{'mean':7}" + _figures(means.__getitem__))
        if any(len(of_scene) > 1 for of_scene in scenes.values()):
            spreads = {title: _mean([float(np.ptp(values)) for values in of_scenes[title]]) for title in COLUMNS}
            lines.append(f"{start}{'spread':7}" + _figures(spreads.__getitem__))
    return lines


def _mean(values: Sequence[float]) -> float:
    """The mean of what is known, NaN if nothing is: a scene without stuff has no figure of stuff."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _figures(value: Callable[[str], float]) -> str:
    return "".join(f"{value(title):>9.{1 if title in ('segments', 'seconds') else 3}f}" for title in COLUMNS)
