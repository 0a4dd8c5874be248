"""Writes the page of a run: collects the run's files and measurements without ground truth."""

from __future__ import annotations

from collections.abc import Mapping

from splatseg.machine.threads import in_order
from splatseg.report.data import ReportData, ReportFinding, ReportSegment
from splatseg.report.evaluated import read_evaluated
from splatseg.report.findings import NOISY, POOR_MASKS, Finding, hardly_seen, noise_of
from splatseg.report.inline_pictures import segment_crops
from splatseg.report.measure import Measured, checks_of, findings_of, labels_of, measure_run
from splatseg.report.page import write_report
from splatseg.report.pictures import pictured_views
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings_file import to_plain
from splatseg.segments.segment import described_as
from splatseg.segments.segments_json import read_segments
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, made_of
from splatseg.splats.splats import Splats

CONFIDENCE = (
    "Confidence, 0 to 1, is how well the best mask of each view fits the segment (mean IoU, weighted by how much the "
    f"view sees of it), as if one more view had no mask that fits; below {NOISY} a segment is noisy."
)
NO_CONFIDENCE = (
    "There is no confidence: the features of this run were trained on masks directly (method {method}), without the "
    "votes from which confidence is computed."
)


def report_run(run: Run, reporter: Reporter) -> str:
    """Measure the views, write report.html, and return a summary of a few lines, one figure each."""
    splats = run.splats()
    evaluated = read_evaluated(run, splats)
    for trouble in (*run.metrics_troubles(), *filter(None, [evaluated.trouble])):
        reporter.warn(trouble)
    with run.timed("report"):
        measured = measure_run(run, splats, reporter)
        found = findings_of(run, measured)
        numbers = headline(run, splats, measured.means, evaluated.accuracy)
        views = run.capture.views
        with reporter.stage("report", 1) as advance:
            data = ReportData(
                title=run.path.resolve().name,
                subtitle=f"{run.capture.path.name}: {len(views)} views, {len(measured.held_out)} held out",
                numbers=numbers,
                views=list(pictured_views(run, splats, measured, _suspects(measured, found))),
                segments=_segments(run, splats, measured),
                findings=[ReportFinding(f.title, f.text, f.level, f.views, f.segments) for f in found],
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
    return "\n".join(f"{name:<20} {value}" for name, value in numbers.items())


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


def _suspects(measured: Measured, found: tuple[Finding, ...]) -> dict[str, str]:
    """Return a badge for each view that a finding names, worst first."""
    poor = {view.view for view in measured.masks if view.shortfall >= POOR_MASKS}
    unmasked = set(measured.unmasked)
    unseen = {name for finding in hardly_seen(measured.unseen, measured.test_psnr) for name in finding.views}
    badges = dict.fromkeys((name for finding in found for name in finding.views), "poor render")
    for names, badge in ((unseen, "hardly seen"), (unmasked, "no masks"), (poor, "poor masks")):
        badges |= {name: badge for name in badges if name in names}
    return badges
