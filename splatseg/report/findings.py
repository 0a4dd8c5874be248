"""Turns measurements without ground truth into ranked findings: the problems of a run, in sentences.

Every finding has a severity in 0..1: from SERIOUS on it spoils results, below NOTABLE it is only worth knowing. Each
function judges one kind of measurement and returns its findings, none if nothing stands out.

Segments are mentioned by id (`report.mentions`). In commands RUN and CAPTURE stand for the folders of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.evaluate.mask_agreement import Problem, SegmentInView, ViewAgreement
from splatseg.report.coverage import ENOUGH, Unseen
from splatseg.report.mentions import mention

SERIOUS, NOTABLE, LEAST = 0.5, 0.25, 0.1
"""Severities: the lower bounds of serious and notable, and the severity of a finding that hardly matters."""

POOR_MASKS = 0.1
"""Least shortfall (see `mask_agreement`) of a view with poor masks [simulated masks of the demo: 0.05 is the usual
spread; a view given the masks of its neighbour: 0.5]."""

POOR_VIEWS_TOLD = 4
"""Most views with poor masks that get a finding of their own; the others share one."""

NOISY = 0.4
"""Confidence below which a segment is noisy [runs of demo, demo embedded and tabletop: of the 4 segments below it none
has an IoU of 1/2 with a true object, of the 71 above it 66 have]."""

FEW_VIEWS, TINY, SCATTERED = 3.0, 50, 0.5
"""Reasons for noise: fewer views than this, fewer Gaussians, or a smaller share of them in the largest piece."""

FAR_BELOW, SPREADS = 4.0, 4.0
"""Distances below the median PSNR, in dB and in robust standard deviations, that a view must exceed to be a finding."""

HELD_OUT_GAP = 4.0
"""Largest gap in dB between training views and held-out views that is no finding."""

HARDLY_SEEN = 0.25
"""Largest share of a held-out view that training views have not seen that is no finding [fits of demo, tabletop and
three scenes of the family: 0.01 to 0.23]."""

LOOSE_GAUSSIANS, LOOSE_PIXELS = 0.1, 0.05
"""Largest shares of Gaussians, and of pixels, without a segment that are no finding."""

_TOLD = 6
"""Most names in one list."""


@dataclass(frozen=True)
class Finding:
    """One problem of a run."""

    title: str
    """The problem in a line."""
    text: str
    """The figures behind it, and likely causes."""
    severity: float
    """Severity in 0..1."""
    views: tuple[str, ...] = ()
    """Names of the views concerned, worst first."""
    segments: tuple[int, ...] = ()
    """Ids of the segments concerned, worst first."""
    advice: str = ""
    """Advice, in a sentence or two."""
    command: str = ""
    """The command that does so."""

    @property
    def level(self) -> str:
        """The severity as a word: serious, notable or minor."""
        return "serious" if self.severity >= SERIOUS else "notable" if self.severity >= NOTABLE else "minor"


@dataclass(frozen=True)
class SegmentQuality:
    """The measurements of a segment."""

    id: int
    """The segment's id."""
    count: int
    """Number of Gaussians."""
    confidence: float
    """Confidence in 0..1; see `votes.confidence`."""
    support: float
    """IoU with the best mask of each view, weighted mean, 0..1."""
    views: float
    """Effective number of views that see the segment."""
    largest_piece: float = 1.0
    """Share of the Gaussians in the largest connected piece, 0..1."""


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sort findings, the most severe first; equally severe ones stay in order."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity))


def poor_masks(views: Sequence[ViewAgreement]) -> list[Finding]:
    """Find views whose masks fit the segments much worse than those of other views."""
    poor = sorted((view for view in views if view.shortfall >= POOR_MASKS), key=lambda view: -view.shortfall)
    found = [
        Finding(
            f"The masks of {view.view} disagree with the other views",
            f"They fit the segments it shows with a mean IoU of {view.agreement:.2f}; masks of other views reach "
            f"{view.expected:.2f} on the same segments. {_problems(view.segments)}",
            min(1.0, 2 * view.shortfall),
            (view.view,),
            advice="If the pictures below agree, correct the masks of this view or remove them, and segment again. The "
            "view then has its segments from the others.",
            command="splatseg segment RUN",
        )
        for view in poor[:POOR_VIEWS_TOLD]
    ]
    others = poor[POOR_VIEWS_TOLD:]
    if others:
        title = f"The masks of {_counted(len(others), 'more view')} are poor"
        worst = ", ".join(f"{view.view} ({view.agreement:.2f} instead of {view.expected:.2f})" for view in others[:12])
        text = f"Mean IoU with the segments: {worst}{', …' if len(others) > 12 else ''}."
        found.append(
            Finding(
                title,
                text,
                min(1.0, 2 * others[0].shortfall),
                tuple(view.view for view in others),
                advice="If many views are poor, masks by another model may fit better, or those that are proposed from "
                "the photographs. They go to a folder of their own, and both together make the segments.",
                command="splatseg segment RUN --masks DIR --masks auto",
            )
        )
    return found


def _problems(segments: Sequence[SegmentInView]) -> str:
    sentences: dict[Problem, str] = {
        "missing": "Without a mask: {}.",
        "merged": "Merged with something else: {}.",
        "broken": "Broken into pieces: {}.",
    }
    parts = []
    for problem, sentence in sentences.items():
        hit = sorted((s for s in segments if s.problem == problem), key=lambda s: -s.pixels)
        if hit:
            parts.append(sentence.format(_listed([mention(s.id) for s in hit])))
    return " ".join(parts)


def views_without_masks(lacking: Sequence[str], total: int) -> list[Finding]:
    """Report training views without masks. lacking: their names; total: number of training views."""
    if not lacking:
        return []
    return [
        Finding(
            f"{_counted(len(lacking), 'training view')} of {total} {'has' if len(lacking) == 1 else 'have'} no masks",
            f"They contribute nothing to the segments: {_listed(lacking)}.",
            NOTABLE + (1 - NOTABLE) * len(lacking) / max(total, 1),
            tuple(lacking),
            advice="Make masks for them with the model of the others, into the same folder, and segment again.",
            command="splatseg segment RUN",
        )
    ]


def badly_rendered(psnr: Mapping[str, float], which: str) -> list[Finding]:
    """Find views whose render is far from the photograph, compared with the others.

    psnr: dB by view, for all views of one split.
    which: the split in the texts: "training" or "held-out".
    """
    if len(psnr) < 4:
        return []
    values = np.array(list(psnr.values()))
    median = float(np.median(values))
    # 1.4826 times the median deviation is the standard deviation of a normal distribution, but ignores outliers.
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    limit = median - max(FAR_BELOW, SPREADS * spread)
    bad = sorted((name for name in psnr if psnr[name] < limit), key=psnr.__getitem__)
    if not bad:
        return []
    worst = ", ".join(f"{name} {psnr[name]:.1f} dB" for name in bad[:_TOLD])
    which_views = f"{_counted(len(bad), f'{which} view')} {'is' if len(bad) == 1 else 'are'}"
    return [
        Finding(
            f"{which_views} rendered far worse than the others",
            f"{worst}{', …' if len(bad) > _TOLD else ''}; half of the {which} views reach {median:.1f} dB. The pose "
            "may be wrong, or the light or the scene was different.",
            min(1.0, (median - psnr[bad[0]]) / 12),
            tuple(bad),
            advice="Compare photograph and render below. A photograph that is blurred or of another moment is better "
            "left out: name the others, one a line, in a file.",
            command="splatseg train CAPTURE -o NEW_RUN --train-views FILE",
        )
    ]


def hardly_seen(unseen: Mapping[str, Unseen], psnr: Mapping[str, float]) -> list[Finding]:
    """Find held-out views that show much of what training views have not seen: no fit can show it.

    unseen: shares of the pixels by view. psnr: dB by view.
    """
    bad = sorted((name for name in unseen if unseen[name].share > HARDLY_SEEN), key=lambda name: -unseen[name].share)
    if not bad:
        return []
    worst = "; ".join(
        f"{name}: {unseen[name].few:.0%} of the pixels show surface that fewer than {ENOUGH} training views have seen "
        f"from that side, {unseen[name].empty:.0%} no surface at all ({psnr[name]:.1f} dB)"
        for name in bad[:_TOLD]
    )
    return [
        Finding(
            f"{_counted(len(bad), 'held-out view')} {'shows' if len(bad) == 1 else 'show'} what training views have "
            "hardly seen",
            f"{worst}{'; …' if len(bad) > _TOLD else ''}. No fit can show these parts, whatever its settings.",
            unseen[bad[0]].share,
            tuple(bad),
            advice="Take more photographs from there; where figures matter, hold out views that others see as well.",
        )
    ]


def held_out_gap(train: Mapping[str, float], test: Mapping[str, float]) -> list[Finding]:
    """Report that held-out views are rendered much worse than training views. train, test: PSNR in dB by view."""
    if not train or not test:
        return []
    seen, unseen = float(np.mean(list(train.values()))), float(np.mean(list(test.values())))
    if seen - unseen <= HELD_OUT_GAP:
        return []
    return [
        Finding(
            "Held-out views are rendered much worse than training views",
            f"{unseen:.1f} dB against {seen:.1f} dB: the fit matches its photographs better than the scene. Edges of "
            "masks far from training views are less certain.",
            min(1.0, (seen - unseen) / 20),
            advice="More photographs help most, taken from between those there are, so that each surface is seen from "
            "several sides.",
        )
    ]


def noise_of(segment: SegmentQuality) -> str:
    """Return the reasons why a segment is noisy, in a few words; empty if it is not noisy."""
    if segment.confidence >= NOISY:
        return ""
    reasons = []
    if segment.views < FEW_VIEWS:
        reasons.append("hardly seen" if segment.views < 1 else f"seen by {_counted(round(segment.views), 'view')}")
    if segment.support < NOISY:
        reasons.append(f"masks fit it with IoU {segment.support:.2f}")
    if segment.count < TINY:
        reasons.append(f"{_counted(segment.count, 'Gaussian')}")
    if segment.largest_piece < SCATTERED:
        reasons.append(f"scattered: the largest piece holds {segment.largest_piece:.0%}")
    return ", ".join(reasons) or "little evidence"


def noisy_segments(segments: Sequence[SegmentQuality], advice: str = "", command: str = "") -> list[Finding]:
    """Report segments that few views or masks support, in one finding. advice, command: what to do about them."""
    noisy = sorted((s for s in segments if noise_of(s)), key=lambda s: (s.confidence, s.id))
    if not noisy:
        return []
    part = sum(s.count for s in noisy) / max(sum(s.count for s in segments), 1)
    lines = "; ".join(f"{mention(s.id)} ({noise_of(s)})" for s in noisy[:3])
    return [
        Finding(
            f"{len(noisy):,} of {_counted(len(segments), 'segment')} {'is' if len(noisy) == 1 else 'are'} noisy",
            f"Their confidence is below {NOISY}; they hold {part:.1%} of the Gaussians that have a segment. "
            f"The least certain: {lines}.",
            min(1.0, LEAST + 2 * part),
            segments=tuple(s.id for s in noisy),
            advice=advice,
            command=command,
        )
    ]


def without_segment(gaussians: float, pixels: float | None) -> list[Finding]:
    """Report Gaussians without a segment. gaussians, pixels: shares in 0..1 without a segment (None: not known)."""
    if gaussians <= LOOSE_GAUSSIANS and (pixels or 0.0) <= LOOSE_PIXELS:
        return []
    shown = "" if pixels is None else f" Together with empty space they are {pixels:.1%} of the pixels of all views."
    return [
        Finding(
            f"{gaussians:.0%} of the Gaussians belong to no segment",
            f"No mask covers them, or too few masks agree.{shown}",
            min(1.0, max(LEAST, gaussians if pixels is None else pixels)),
            advice="Masks of more views or more things cover them; those proposed from the photographs can be added.",
            command="splatseg segment RUN --masks DIR --masks auto",
        )
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
