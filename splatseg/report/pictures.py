"""Chooses the views that the report pictures, and makes their layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from splatseg.capture.view import View
from splatseg.evaluate.mask_agreement import masks_by_fit
from splatseg.machine.threads import in_order
from splatseg.masks.source import MaskSource
from splatseg.render.overlays import overlay_segments
from splatseg.render.pictures import FeatureColors, fit_feature_colors, to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.report.data import ReportView
from splatseg.report.measure import Measured, labels_of
from splatseg.run.folder import Run
from splatseg.segments.palette import Color
from splatseg.splats.splats import Splats
from splatseg.spread import spread

VIEWS_SHOWN = 6
"""Most views pictured on the page for themselves, held-out ones first."""

SUSPECTS_SHOWN = 4
"""Most views pictured in addition because a finding names them."""

OUTSIDE: Color = (200, 200, 200)
"""Colour of masks that lie in no segment."""


def pictured_views(run: Run, splats: Splats, measured: Measured, suspects: dict[str, str]) -> Iterator[ReportView]:
    """Yield the views of the report with all their layers.

    suspects: badges by name of the views that findings name, worst first; the first few are pictured too.
    """
    features = fit_feature_colors(splats) if splats.features is not None else None
    masks = run.masks() if run.settings.masks else None
    held_out = {view.name for view in run.capture.split("test")}
    colors, facts = run.segment_colors(), _facts(measured)

    def pictured(view: View) -> ReportView:
        return ReportView(
            name=view.name,
            split="test" if view.name in held_out else "train",
            badge=suspects.get(view.name, ""),
            facts=facts.get(view.name, ""),
            **_layers(run, splats, view, colors, features, masks),
        )

    yield from in_order(pictured, _shown(run, list(suspects)[:SUSPECTS_SHOWN]), splats.is_mapped)


def _layers(
    run: Run,
    splats: Splats,
    view: View,
    colors: dict[int, Color],
    features: FeatureColors | None,
    masks: MaskSource | None,
) -> dict[str, np.ndarray]:
    photo = view.shown()
    layers = {"photo": photo, "render": to_uint8(render_rgb(splats, view.camera, run.settings.train.background))}
    if features is not None:
        layers["features"] = features.render(splats, view.camera)
    if splats.segment_ids is None:
        return layers
    labels = labels_of(run, splats, view)
    layers |= {"labels": labels, "segments": overlay_segments(photo, labels, colors)}
    found = masks.read(view) if masks else None
    if found is not None:
        # Each mask has the colour of the segment it lies in, so that the two layers can be compared.
        flat, lies_in = masks_by_fit(labels, found)
        layers["masks"] = overlay_segments(
            photo, flat, {mask: colors.get(key, OUTSIDE) for mask, key in lies_in.items()}
        )
    return layers


def _shown(run: Run, suspects: list[str]) -> list[View]:
    test, train = run.capture.split("test"), run.capture.split("train")
    views = [*test, *train]
    if len(test) > VIEWS_SHOWN:
        views = spread(test, VIEWS_SHOWN)
    chosen = views[:VIEWS_SHOWN]
    names = {view.name for view in chosen}
    return chosen + [run.capture.view(name) for name in suspects if name not in names]


def _facts(measured: Measured) -> dict[str, str]:
    """Return a line of figures for each view, by name."""
    decibels = measured.train_psnr | {score.view: score.psnr for score in measured.held_out}
    lines = {name: [f"PSNR {value:.1f} dB"] for name, value in decibels.items()}
    for view in measured.masks:
        fit = f"mask IoU {view.agreement:.2f}, elsewhere {view.expected:.2f}"
        lines.setdefault(view.view, []).append(fit)
    return {name: " · ".join(parts) for name, parts in lines.items()}
