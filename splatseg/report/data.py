"""The content of a report as plain data, so that a page can be written without a run."""

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
"""Titles of the pictures a view may have, in the order of the page's menus."""


@dataclass(frozen=True, eq=False)
class ReportView:
    """One view: a picture (H,W,3) uint8 for each layer; None leaves a layer out."""

    name: str
    """Name of the view."""
    split: str
    """train or test."""
    photo: np.ndarray | None = None
    """The photograph."""
    render: np.ndarray | None = None
    """The splat as the view's camera sees it."""
    segments: np.ndarray | None = None
    """The photograph, tinted by segments."""
    features: np.ndarray | None = None
    """The features, as colours."""
    masks: np.ndarray | None = None
    """The photograph, tinted by the input masks."""
    labels: np.ndarray | None = None
    """The label map (H,W) int, 0 = none, from which the page names the segment under the pointer."""
    badge: str = ""
    """A word that marks the view."""
    facts: str = ""
    """A line below the name."""

    def pictures(self) -> dict[str, np.ndarray]:
        """Return the pictures that are not None, by layer."""
        found = {layer: getattr(self, layer) for layer in LAYER_TITLES}
        return {layer: picture for layer, picture in found.items() if picture is not None}


@dataclass(frozen=True, eq=False)
class ReportSegment:
    """One row of the table of segments."""

    id: int
    """The segment's id."""
    name: str
    """The segment's name."""
    color: Color
    """The segment's colour."""
    count: int
    """Number of Gaussians."""
    size: tuple[float, float, float]
    """Side lengths of the segment's box, world units."""
    picture: np.ndarray | None = None
    """A crop of a photograph that shows the segment."""
    confidence: float | None = None
    """Confidence in 0..1; None if not known."""
    remark: str = ""
    """Reason why the segment is noisy, in a few words; empty if it is not."""


@dataclass(frozen=True)
class ReportFinding:
    """One problem of the run."""

    title: str
    """The problem in a line."""
    text: str = ""
    """The figures behind it, and likely causes; segments are mentioned by id (`report.mentions`)."""
    level: str = "notable"
    """serious, notable or minor."""
    views: tuple[str, ...] = ()
    """Names of the views concerned, worst first."""
    segments: tuple[int, ...] = ()
    """Ids of the segments concerned, worst first."""
    advice: str = ""
    """Advice against it, in a sentence or two."""
    command: str = ""
    """The command that does so."""


@dataclass(frozen=True, eq=False)
class ReportData:
    """The content of a report. Empty fields leave their section out; numbers are rounded for reading."""

    title: str
    """Heading of the page."""
    subtitle: str = ""
    """Line below the heading."""
    lead: str = ""
    """The run in plain words."""
    command: str = ""
    """The command that comes next."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """A few headline figures by name, text or numbers."""
    views: Sequence[ReportView] = ()
    """The pictured views."""
    segments: Sequence[ReportSegment] = ()
    """The rows of the table of segments."""
    findings: Sequence[ReportFinding] = ()
    """The problems of the run, worst first."""
    checks: Sequence[str] = ()
    """The checks that were made, with their figures, one sentence each."""
    confidence: str = ""
    """A sentence that defines the confidence of segments, or says why there is none."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Averages by name: {"mIoU": 0.91}."""
    object_rows: Sequence[Mapping[str, Any]] = ()
    """One mapping per object, all with the keys of the first."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the run, nested."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by part of the job."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """Digests of the splat that the page shows (`splats.made_of`)."""
