"""Measures renders, masks and segments of a run without ground truth; `report.findings` judges the results."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from splatseg.capture.view import View
from splatseg.cluster.components import spatial_components
from splatseg.errors import MaskError
from splatseg.evaluate.images import ImageScore, psnr, score_image
from splatseg.evaluate.mask_agreement import ViewAgreement, ViewMasks, compare_masks, view_agreements
from splatseg.machine.threads import in_order
from splatseg.masks.formats.label_maps import read_label_map
from splatseg.render.label_maps import label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.report.coarser import CoarserCut, coarser_cut
from splatseg.report.coverage import ENOUGH, Coverage, Unseen
from splatseg.report.findings import (
    Finding,
    SegmentQuality,
    badly_rendered,
    hardly_seen,
    held_out_gap,
    noise_of,
    noisy_segments,
    poor_masks,
    ranked,
    views_without_masks,
    without_segment,
)
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter, track_in_order
from splatseg.splats.made_of import is_stale
from splatseg.splats.splats import Splats
from splatseg.votes.confidence import segment_confidence

WARNED = 0.3
"""Severity of a warning that an earlier stage wrote to metrics.jsonl."""


@dataclass(frozen=True)
class Measured:
    """Measurements of a run for its report."""

    held_out: tuple[ImageScore, ...] = ()
    """Scores of the renders of held-out views."""
    train_psnr: dict[str, float] = field(default_factory=dict)
    """PSNR in dB of the renders of training views, by name."""
    unseen: dict[str, Unseen] = field(default_factory=dict)
    """Shares of the held-out views that training views have not seen, by name."""
    color_strength: float | None = None
    """Factor of the colour corrections of the fit, 0 for none; None for a splat that was not fitted."""
    masks: tuple[ViewAgreement, ...] = ()
    """Agreement of masks and segments, for every training view that has masks."""
    unmasked: tuple[str, ...] = ()
    """Names of the training views without masks."""
    segments: tuple[SegmentQuality, ...] = ()
    """Quality of every segment; empty without votes."""
    cells: int = 1
    """Number of cells in which the splat was fitted."""
    loose_gaussians: float | None = None
    """Share of the Gaussians without a segment, 0..1; None for a run without segments."""
    loose_pixels: float | None = None
    """Share of the pixels of all views without a segment, 0..1; None for a run without segments."""
    coarser: CoarserCut | None = None
    """A coarser cut of the hierarchy that has fewer noisy segments; None if there is none, or no need."""

    @property
    def test_psnr(self) -> dict[str, float]:
        """PSNR in dB of the renders of held-out views, by name."""
        return {score.view: score.psnr for score in self.held_out}

    @property
    def means(self) -> dict[str, float]:
        """Mean PSNR (dB) and SSIM of the held-out views, by name; empty if there are none."""
        if not self.held_out:
            return {}
        psnrs, ssims = ([getattr(score, name) for score in self.held_out] for name in ("psnr", "ssim"))
        fitted = [score.psnr_colors_fitted for score in self.held_out if score.psnr_colors_fitted is not None]
        means = {"PSNR": round(float(np.mean(psnrs)), 3), "SSIM": round(float(np.mean(ssims)), 4)}
        return means | ({"PSNR, colours fitted": round(float(np.mean(fitted)), 3)} if fitted else {})


def measure_run(run: Run, splats: Splats, reporter: Reporter) -> Measured:
    """Render every view once and compare it with its photograph; compare masks and votes with the segments."""
    train, test = run.capture.split("train"), run.capture.split("test")
    qualities = _segment_qualities(run, splats)
    strength, background = run.color_strength, run.settings.train.background
    masks = run.masks() if run.settings.masks and splats.segment_ids is not None else None
    held_out = set(test)

    def measured(view: View) -> tuple[ImageScore | None, float, ViewMasks | None]:
        render = to_uint8(render_rgb(splats, view.camera, background))
        if view in held_out:
            score = score_image(view.name, render, view.image(), view.ignored(), bool(strength))
            return score, score.psnr, None
        found = masks.read(view) if masks else None
        fit = None if found is None else compare_masks(view.name, labels_of(run, splats, view), found)
        return None, psnr(render, view.image(), view.ignored()), fit

    rows = list(track_in_order(reporter, "measuring", measured, (*test, *train), splats.is_mapped))
    named = set(masks.names) if masks else set()
    return Measured(
        held_out=tuple(score for score, _, _ in rows if score is not None),
        train_psnr={view.name: decibels for view, (_, decibels, _) in zip(train, rows[len(test) :], strict=True)},
        unseen=_unseen(train, test, splats),
        color_strength=strength,
        cells=run.cells,
        masks=view_agreements([fit for _, _, fit in rows if fit is not None]),
        unmasked=tuple(view.name for view in train if masks and view.name not in named),
        segments=qualities,
        loose_gaussians=None if splats.segment_ids is None else float((splats.segment_ids == 0).float().mean()),
        loose_pixels=None if splats.segment_ids is None else _loose_pixels(run, splats),
        coarser=coarser_cut(run, splats, sum(bool(noise_of(segment)) for segment in qualities)),
    )


def findings_of(run: Run, measured: Measured) -> tuple[Finding, ...]:
    """Return the findings of all measurements, the most severe first."""
    recorded = dict.fromkeys(row["warning"] for row in run.metrics() if "warning" in row)
    found = [Finding(f"{warning[:1].upper()}{warning[1:]}", "", WARNED) for warning in recorded]
    found += views_without_masks(measured.unmasked, len(measured.train_psnr))
    found += poor_masks(measured.masks)
    found += badly_rendered(measured.train_psnr, "training")
    found += badly_rendered(measured.test_psnr, "held-out")
    found += hardly_seen(measured.unseen, measured.test_psnr)
    found += held_out_gap(measured.train_psnr, measured.test_psnr)
    found += noisy_segments(measured.segments, *_against_noise(measured.coarser))
    if measured.loose_gaussians is not None:
        found += without_segment(measured.loose_gaussians, measured.loose_pixels)
    return ranked([replace(finding, command=_filled(finding.command, run)) for finding in found])


def _against_noise(coarser: CoarserCut | None) -> tuple[str, str]:
    if coarser is None:
        return "Hide them in the viewer, or merge them there with what they belong to.", "splatseg view RUN"
    return (
        f"A coarser cut merges most of them with what they belong to: at granularity {coarser.granularity:g} there are "
        f"{coarser.segments:,} segments, {coarser.noisy or 'none'} of them noisy. It takes seconds; segments that stay "
        "keep their names.",
        f"splatseg segment RUN --granularity {coarser.granularity:g}",
    )


def _filled(command: str, run: Run) -> str:
    """Return a command with the folders of a run; empty for one that would do what was done already."""
    masks = run.settings.masks
    if "--masks auto" in command and (run.settings.proposes or not masks):
        return ""
    folders = {"RUN": str(run.path), "CAPTURE": run.settings.capture.path, "DIR": str(masks[0]) if masks else "DIR"}
    return " ".join(shlex.quote(folders[word]) if word in folders else word for word in command.split())


def checks_of(measured: Measured) -> list[str]:
    """Return one sentence with figures for every check, also for checks without a finding."""
    lines = []
    if measured.train_psnr:
        values = list(measured.train_psnr.values())
        lines.append(f"Renders of {len(values)} training views: PSNR {min(values):.1f} to {max(values):.1f} dB.")
    if measured.held_out:
        values = [score.psnr for score in measured.held_out]
        lines.append(f"Renders of {len(values)} held-out views: PSNR {min(values):.1f} to {max(values):.1f} dB.")
    if measured.unseen:
        shares = [unseen.share for unseen in measured.unseen.values()]
        lines.append(
            f"Of the pixels of held-out views, {min(shares):.0%} to {max(shares):.0%} show what fewer than {ENOUGH} "
            "training views have seen."
        )
    if measured.cells > 1:
        lines.append(f"The splat was fitted in blocks: {measured.cells} cells apart, then joined.")
    if measured.color_strength is not None:
        lines.append(_colors_told(measured.color_strength, measured.means.get("PSNR, colours fitted")))
    if measured.masks:
        values = [view.agreement for view in measured.masks]
        lines.append(
            f"Masks of {len(values)} training views against the segments: mean IoU {min(values):.2f} to "
            f"{max(values):.2f} per view, {np.mean(values):.2f} on average."
        )
    if measured.segments:
        values = [segment.confidence for segment in measured.segments]
        lines.append(f"Confidence of {len(values)} segments: {min(values):.2f} to {max(values):.2f}.")
    if measured.loose_gaussians is not None:
        lines.append(f"Gaussians without a segment: {measured.loose_gaussians:.1%}.")
    return lines


def _unseen(train: Sequence[View], test: Sequence[View], splats: Splats) -> dict[str, Unseen]:
    if not test:
        return {}
    coverage = Coverage(splats, [view.camera for view in train])
    shares = in_order(lambda view: coverage.unseen(view.camera, view.ignored()), test, splats.is_mapped)
    return dict(zip((view.name for view in test), shares, strict=True))


def _colors_told(strength: float, fitted: float | None) -> str:
    if not strength:
        return "Exposure and white balance of the photographs: not corrected."
    told = f"Exposure and white balance of the photographs: corrected in the fit, at {strength:.0%}"
    return (
        f"{told}; held-out views, with their colours fitted to the photograph, reach {fitted:.1f} dB."
        if fitted
        else f"{told}."
    )


def labels_of(run: Run, splats: Splats, view: View) -> np.ndarray:
    """Return the label map (H,W) of a view from the run's masks/, or render it if that is missing or of other segments.

    A file that cannot be read counts as missing.
    """
    path = run.path / "masks" / view.png_name
    if path.exists() and not is_stale(path, splats):
        with suppress(MaskError):  # it is a copy of what can be rendered again
            labels = read_label_map(path)
            if labels.shape == (view.seen_by.height, view.seen_by.width):
                return view.as_camera_sees(labels)
    return label_map(splats, view.camera)


def _loose_pixels(run: Run, splats: Splats) -> float:
    def loose(view: View) -> float:
        return _loose(labels_of(run, splats, view), view)

    return float(np.mean(list(in_order(loose, run.capture.views, splats.is_mapped))))


def _loose(labels: np.ndarray, view: View) -> float:
    """Return the share of a photograph's pixels without a segment; beside its lens there is no photograph."""
    shown = labels if view.lens_camera is None else labels[view.lens_camera.cut(view.face).inside]
    return float((shown == 0).mean())


def _segment_qualities(run: Run, splats: Splats) -> tuple[SegmentQuality, ...]:
    agreement = run.agreement(splats)
    if agreement is None or splats.segment_ids is None or not run.segments_path.exists():
        return ()
    ids = splats.segment_ids.numpy()
    found = segment_confidence(agreement, ids)
    means, reach = splats.positions, splats.reach
    # Gaussians sorted by id, and the bounds of each segment among them: one sort instead of a comparison per segment.
    order = np.argsort(ids, kind="stable")
    bounds = np.searchsorted(ids[order], [*sorted(found), np.iinfo(np.int32).max])
    rows = []
    for place, key in enumerate(sorted(found)):
        members = order[bounds[place] : bounds[place + 1]]
        pieces = spatial_components(means[members], reach[members])
        rows.append(
            SegmentQuality(
                id=key,
                count=len(members),
                confidence=found[key].value,
                support=found[key].support,
                views=found[key].views,
                largest_piece=float((pieces == 0).mean()),  # the largest component is number 0
            )
        )
    return tuple(rows)
