"""Writes the page of a run: collects the run's files and measurements without ground truth."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from splatseg.machine.threads import in_order
from splatseg.report.data import ReportData, ReportFinding, ReportSegment
from splatseg.report.evaluated import read_evaluated
from splatseg.report.findings import NOISY, POOR_MASKS, Finding, hardly_seen, noise_of
from splatseg.report.inline_pictures import segment_crops
from splatseg.report.measure import Measured, checks_of, findings_of, labels_of, measure_run
from splatseg.report.mentions import rename_in_page, spoken
from splatseg.report.page import write_report
from splatseg.report.pictures import pictured_views
from splatseg.report.plain_words import in_plain_words
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter, Summary
from splatseg.run.settings_file import to_plain
from splatseg.segments.segment import described_as
from splatseg.segments.segments_json import read_segments
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, is_stale, made_of
from splatseg.splats.splats import Splats

CONFIDENCE = (
    "Confidence, 0 to 1, is how well the best mask of each view fits the segment (mean IoU, weighted by how much the "
    f"view sees of it), as if one more view had no mask that fits; below {NOISY} a segment is noisy."
)
NO_CONFIDENCE = (
    "There is no confidence: the features of this run were trained on masks directly (method {method}), without the "
    "votes from which confidence is computed."
)


def report_run(run: Run, reporter: Reporter, splats: Splats | None = None) -> Summary:
    """Measure the views, write report.html, and return a summary of a few lines, one figure each.

    splats: the run's splat if it is already loaded, or mapped; it is read otherwise.
    """
    splats = run.splats() if splats is None else splats
    evaluated = read_evaluated(run, splats)
    for trouble in (*run.metrics_troubles(), *filter(None, [evaluated.trouble])):
        reporter.warn(trouble)
    with run.timed("report"):
        measured = measure_run(run, splats, reporter)
        found = findings_of(run, measured)
        rows = _segments(run, splats, measured)
        numbers = headline(run, splats, measured.means, evaluated.accuracy)
        views = run.capture.views
        with reporter.stage("report", 1) as advance:
            data = ReportData(
                title=run.path.resolve().name,
                subtitle=f"{_capture_name(run)}: {len(views)} views, {len(measured.held_out)} held out",
                lead=_lead(measured, rows, evaluated.accuracy.get("mIoU")),
                command=f"splatseg view {shlex.quote(str(run.path))}",
                numbers=numbers,
                views=list(pictured_views(run, splats, measured, _suspects(measured, found))),
                segments=rows,
                findings=[
                    ReportFinding(f.title, f.text, f.level, f.views, f.segments, f.advice, f.command) for f in found
                ],
                checks=checks_of(measured),
                confidence=CONFIDENCE if measured.segments else NO_CONFIDENCE.format(method=run.settings.method),
                metrics=measured.means | evaluated.accuracy,
                object_rows=evaluated.objects,
                settings=to_plain(run.settings),
                timings=timings(run),
                made_of=made_of(splats, GEOMETRY, FEATURES, SEGMENTS),
            )
            write_report(run.report_path, data)
            advance(1)
    text = "\n".join(f"{name:<20} {value}" for name, value in numbers.items())
    return Summary(text, **_facts(run, splats, measured, rows, found), **_by_key(measured.means | evaluated.accuracy))


def renew_names(run: Run, splats: Splats) -> str:
    """Put the present names of segments into a run's report; return a sentence if it cannot follow them, else "".

    The report of other segments than the splat has keeps its names: they are of what it shows. Raises OSError.
    """
    if not run.report_path.exists() or not run.segments_path.exists():
        return ""
    if is_stale(run.report_path, splats):
        return f"the report shows earlier segments; `splatseg report {run.path}` writes it anew"
    rename_in_page(run.report_path, {row.id: row.name for row in read_segments(run.segments_path)})
    return ""


def _capture_name(run: Run) -> str:
    """Return the name of the capture's folder, with its parent's where that alone says nothing."""
    path = run.capture.path.absolute()
    return f"{path.parent.name}/{path.name}" if path.name in ("data", "capture", "dense", "colmap") else path.name


def _lead(measured: Measured, rows: Sequence[ReportSegment], miou: float | None) -> str:
    noisy = sum(bool(row.remark) for row in rows)
    psnr = measured.means.get("PSNR")
    segments = len(rows) if measured.loose_gaussians is not None else None
    return in_plain_words(psnr, len(measured.held_out), segments, noisy, miou)


def _facts(
    run: Run, splats: Splats, measured: Measured, rows: Sequence[ReportSegment], found: Sequence[Finding]
) -> dict[str, Any]:
    names = {row.id: row.name for row in rows}
    findings = [
        {"level": f.level, "title": f.title, "text": spoken(f.text, names), "advice": f.advice, "command": f.command}
        for f in found
    ]
    return {
        "run": run.path,
        "gaussians": len(splats),
        "segments": len(rows) if measured.loose_gaussians is not None else None,
        "noisy_segments": sum(bool(row.remark) for row in rows),
        "seconds": sum(timings(run).values()),
        "findings": findings,
        "report": run.report_path,
    }


def _by_key(figures: Mapping[str, float]) -> dict[str, float]:
    return {name.lower().replace(", ", "_").replace(" ", "_"): value for name, value in figures.items()}


def headline(run: Run, splats: Splats, quality: Mapping[str, float], accuracy: Mapping[str, float]) -> dict[str, str]:
    """Return the figures that a user looks for first, by name."""
    numbers = {"Gaussians": f"{len(splats):,}"}
    if splats.segment_ids is not None:
        numbers["segments"] = f"{int((splats.segment_ids.unique() > 0).sum()):,}"
    if quality:
        numbers |= {"PSNR held out": f"{quality['PSNR']:.2f} dB", "SSIM held out": f"{quality['SSIM']:.3f}"}
        fitted = quality.get("PSNR, colours fitted")
        numbers |= {} if fitted is None else {"PSNR, colours fitted": f"{fitted:.2f} dB"}
    numbers |= {name: f"{value:.3f}" for name, value in accuracy.items()}
    return numbers | {"time": f"{sum(timings(run).values()):.0f} s"}


def timings(run: Run) -> dict[str, float]:
    """Return the seconds of the last run of each part of the job, by name."""
    return {row["timing"]: row["seconds"] for row in run.metrics() if "timing" in row}


def _segments(run: Run, splats: Splats, measured: Measured) -> list[ReportSegment]:
    if splats.segment_ids is None or not run.segments_path.exists():
        return []
    # Some 12 views are enough to find a good crop of each segment.
    views = run.capture.views[:: max(1, len(run.capture.views) // 12)]
    crops = segment_crops(in_order(lambda view: (view.image(), labels_of(run, splats, view)), views))
    crops |= segment_crops(_showing(run, splats, set(_ids(splats)) - set(crops)))
    quality = {segment.id: segment for segment in measured.segments}
    rows = read_segments(run.segments_path)
    sizes = {row.id: row.size for row in described_as(splats, rows)}  # the file may be of an earlier version
    return [
        ReportSegment(
            row.id,
            row.name,
            row.color,
            row.count,
            sizes.get(row.id, row.size),
            crops.get(row.id),
            quality[row.id].confidence if row.id in quality else row.confidence,
            noise_of(quality[row.id]) if row.id in quality else "",
        )
        for row in rows
    ]


def _ids(splats: Splats) -> list[int]:
    assert splats.segment_ids is not None
    found: list[int] = splats.segment_ids.unique().tolist()
    return [key for key in found if key > 0]


def _showing(run: Run, splats: Splats, missing: set[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield photographs and label maps of views that show segments which no other view yielded has shown."""
    for view in run.capture.views:
        if not missing:
            return
        labels = labels_of(run, splats, view)
        found = missing & set(np.unique(labels).tolist())
        if found:
            missing = missing - found
            yield view.image(), labels


def _suspects(measured: Measured, found: tuple[Finding, ...]) -> dict[str, str]:
    """Return a badge for each view that a finding names, worst first."""
    poor = {view.view for view in measured.masks if view.shortfall >= POOR_MASKS}
    unmasked = set(measured.unmasked)
    unseen = {name for finding in hardly_seen(measured.unseen, measured.test_psnr) for name in finding.views}
    badges = dict.fromkeys((name for finding in found for name in finding.views), "poor render")
    for names, badge in ((unseen, "hardly seen"), (unmasked, "no masks"), (poor, "poor masks")):
        badges |= {name: badge for name in badges if name in names}
    return badges
