"""What a report shows, as plain data, so that nothing needs to be trained to write one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from splatseg.segments.palette import Color

LAYER_TITLES = {
    "photo": "Photograph",
    "segments": "Segments",
    "masks": "Input masks",
    "render": "Render",
    "features": "Features",
}
"""The pictures a view may have, in the order in which they are offered."""


@dataclass(frozen=True, eq=False)
class ReportView:
    """Pictures (H,W,3) uint8 of one view, by layer; what is None is left out. split: train or test.

    labels: its label map (H,W) int, 0 = none, from which the page tells what is under the pointer. badge: a word that
    marks the view, facts: a line below its name.
    """

    name: str
    split: str
    photo: np.ndarray | None = None
    render: np.ndarray | None = None
    segments: np.ndarray | None = None
    features: np.ndarray | None = None
    masks: np.ndarray | None = None
    labels: np.ndarray | None = None
    badge: str = ""
    facts: str = ""

    def pictures(self) -> dict[str, np.ndarray]:
        """The pictures there are, by layer."""
        found = {layer: getattr(self, layer) for layer in LAYER_TITLES}
        return {layer: picture for layer, picture in found.items() if picture is not None}


@dataclass(frozen=True, eq=False)
class ReportSegment:
    """One row of the table of segments. size: side lengths of its box, world units; picture: a crop of a photograph.

    confidence in 0..1, None if not known; remark: what is wrong with it, in a few words.
    """

    id: int
    name: str
    color: Color
    count: int
    size: tuple[float, float, float]
    picture: np.ndarray | None = None
    confidence: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class ReportFinding:
    """One thing that went wrong. level: "serious", "notable" or "minor"; views (names), segments (ids): which ones."""

    title: str
    text: str = ""
    level: str = "notable"
    views: tuple[str, ...] = ()
    segments: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ReportData:
    """All a report shows; what is empty is left out.

    numbers: a few headline figures by name. metrics: averages by name ("mIoU": 0.91); object_rows: one mapping an
    object, all with the keys of the first. timings: seconds by what took them. findings: what went wrong, the worst
    first; checks: what was looked at, a sentence each. confidence: a sentence that says what the confidence of segments
    is, or why there is none. Values may be text or numbers; numbers are rounded for reading.
    """

    title: str
    subtitle: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    views: Sequence[ReportView] = ()
    segments: Sequence[ReportSegment] = ()
    findings: Sequence[ReportFinding] = ()
    checks: Sequence[str] = ()
    confidence: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    object_rows: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
