"""The page of a run: collects what the run folder holds and what can be measured without ground truth."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from splatseg.capture import View
from splatseg.evaluate import score_image
from splatseg.output import (
    FeatureColors,
    ReportData,
    ReportSegment,
    ReportView,
    fit_feature_colors,
    label_map,
    overlay_segments,
    read_segments,
    segment_crops,
    to_uint8,
    write_report,
)
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings_file import to_plain
from splatseg.splats import Splats, render_rgb

VIEWS_SHOWN = 6
"""Views pictured on the page, held-out ones first."""


def report_run(run: Run, reporter: Reporter) -> str:
    """Measure the held-out views, write report.html, and return a summary of a few lines."""
    splats = run.splats()
    began = time.monotonic()
    held_out = run.capture.split("test")
    quality = image_quality(run, splats, held_out, reporter)
    numbers = headline(run, splats, quality)
    with reporter.stage("report", 1) as advance:
        data = ReportData(
            title=run.path.resolve().name,
            subtitle=f"{run.capture.path.name}: {len(run.capture.views)} views, {len(held_out)} held out",
            numbers=numbers,
            views=list(_pictures(run, splats)),
            segments=_segments(run, splats),
            metrics=quality | _measured(run),
            object_rows=_object_rows(run),
            settings=to_plain(run.settings),
            timings=timings(run),
            warnings=_warnings(run, splats),
        )
        write_report(run.report_path, data)
        advance(1)
    run.record(timing="report", seconds=round(time.monotonic() - began, 3))
    return "\n".join(f"{name:<20} {value}" for name, value in numbers.items())


def image_quality(run: Run, splats: Splats, views: tuple[View, ...], reporter: Reporter) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM of renders against photographs; empty if there are no views."""
    rows = []
    with reporter.stage("measuring", len(views)) as advance:
        for done, view in enumerate(views, start=1):
            render = to_uint8(render_rgb(splats, view.camera, run.settings.train.background))
            score = score_image(view.name, render, view.image())
            rows.append((score.psnr, score.ssim))
            advance(done)
    if not rows:
        return {}
    means = np.mean(rows, axis=0)
    return {"PSNR": round(float(means[0]), 3), "SSIM": round(float(means[1]), 4)}


def headline(run: Run, splats: Splats, quality: Mapping[str, float]) -> dict[str, str]:
    """The few figures a user looks for first."""
    numbers = {"Gaussians": f"{len(splats):,}"}
    if splats.segment_ids is not None:
        numbers["segments"] = f"{int((splats.segment_ids.unique() > 0).sum()):,}"
    if quality:
        numbers |= {"PSNR held out": f"{quality['PSNR']:.2f} dB", "SSIM held out": f"{quality['SSIM']:.3f}"}
    numbers |= {name: f"{value:.3f}" for name, value in _measured(run).items()}
    return numbers | {"time": f"{sum(timings(run).values()):.0f} s"}


def timings(run: Run) -> dict[str, float]:
    """Seconds by part of the job, the last time each was done."""
    return {row["timing"]: row["seconds"] for row in run.metrics() if "timing" in row}


def _evaluation(run: Run) -> dict[str, Any]:
    path = run.evaluation_path
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _measured(run: Run) -> dict[str, float]:
    means = _evaluation(run).get("means", {})
    titles = {"mIoU": "miou", "mBIoU": "mbiou", "ARI": "ari"}
    return {title: means[key] for title, key in titles.items() if means.get(key) is not None}


def _object_rows(run: Run) -> list[dict[str, Any]]:
    objects = _evaluation(run).get("objects") or {}
    return [
        {
            "object": row["name"],
            "kind": kind,
            "prompt view": row["prompt_view"],
            "IoU": row["iou"],
            "boundary IoU": row["boundary_iou"],
        }
        for kind in ("things", "stuff")
        for row in objects.get(kind, [])
    ]


def _shown(run: Run) -> list[View]:
    test, train = run.capture.split("test"), run.capture.split("train")
    views = [*test, *train]
    if len(test) > VIEWS_SHOWN:
        views = [test[i] for i in np.linspace(0, len(test) - 1, VIEWS_SHOWN).round().astype(int)]
    return views[:VIEWS_SHOWN]


def _pictures(run: Run, splats: Splats) -> Iterator[ReportView]:
    colors: FeatureColors | None = fit_feature_colors(splats) if splats.features is not None else None
    held_out = {view.name for view in run.capture.split("test")}
    segment_colors = run.segment_colors()
    for view in _shown(run):
        photograph = view.image()
        segments = None
        if splats.segment_ids is not None:
            segments = overlay_segments(photograph, label_map(splats, view.camera), segment_colors)
        yield ReportView(
            name=view.name,
            split="test" if view.name in held_out else "train",
            photo=photograph,
            render=to_uint8(render_rgb(splats, view.camera, run.settings.train.background)),
            segments=segments,
            features=colors.render(splats, view.camera) if colors else None,
        )


def _segments(run: Run, splats: Splats) -> list[ReportSegment]:
    if splats.segment_ids is None or not run.segments_path.exists():
        return []
    # Every few views are enough to find each segment a good crop.
    views = run.capture.views[:: max(1, len(run.capture.views) // 12)]
    crops = segment_crops((view.image(), label_map(splats, view.camera)) for view in views)
    return [
        ReportSegment(row.id, row.name, row.color, row.count, row.size, crops.get(row.id))
        for row in read_segments(run.segments_path)
    ]


def _warnings(run: Run, splats: Splats) -> list[str]:
    found = [row["warning"] for row in run.metrics() if "warning" in row]
    if splats.segment_ids is not None:
        without = float((splats.segment_ids == 0).float().mean())
        if without > 0.1:
            found.append(f"{without:.0%} of the Gaussians belong to no segment: no mask sees them, or too few agree.")
    if run.settings.masks:
        masked = set(run.masks().names)
        lacking = [view.name for view in run.capture.split("train") if view.name not in masked]
        if lacking:
            found.append(f"{len(lacking)} training views have no masks ({', '.join(lacking[:3])}, ...).")
    return list(dict.fromkeys(found))
