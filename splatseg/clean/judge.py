"""Judges which Gaussians go at a strength, from the evidence, and for which reasons.

With s the strength and B = 0.0005 s^3 the share of all light that a reason may take, a Gaussian goes if it is

    weak     among the faintest, which together give at most B of the light        [file: opacity < 5^s / 255]
    alone    in a piece of at most 24 s Gaussians, B of the light in all           [file: in such a piece]
    near     closer to a camera than 0.6 s median depths, and seen by 3 effective views or fewer
    few      seen by fewer than 1 + s effective views where 3 or more look, B of the light in all
    needle   longer than 20 / s widths, B of the light in all                      [file: longer than 160 / s widths]
    outside  where no view looks; or far out, B of the light in all                [file: alone, and far out]

The light is the safeguard: photographs are what the scene has to look like, and what gives them light is right however
odd it looks. Only what hangs right before a camera goes whatever light it gives: that camera alone sees it. A strength
of 0 takes only what no view sees. What a segment of high confidence holds stays, but for what hangs before a camera,
which has the segment of what it hides. A file has no views to ask, so little is taken from it, and nothing large: the
sky of a capture is far out too.

Alphabet: N Gaussians; strength 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.clean.evidence import Evidence
from splatseg.clean.reasons import Reason, all_reasons, describe_reasons
from splatseg.errors import PromptError
from splatseg.segments.segment import Segment
from splatseg.splats.box import FAR_OUT

STRENGTH = 0.5
"""Usual strength."""

LIGHT = 5e-4
"""Share of the light that a reason may take at full strength [weak alone, held-out PSNR of demo and tabletop: at 1e-3
-0.04 and 0.00 dB, at 3e-3 -0.21 and -0.08; five reasons at 1e-3 together -0.23 on demo]."""

FAINTEST = 1.0 / 255.0
"""Opacity below which nothing is drawn (`raster.interface`)."""

FAINT_OF_FILE = 5.0
"""The same in a file, at full strength, in these [at 10 -0.4 dB of held-out PSNR on demo]."""

PIECE = 24
"""Gaussians of a piece that is alone, at full strength: twice the neighbours that one is looked for among."""

NEAR = 0.6
"""Distance to a camera in median depths, at full strength. Films let fade what is nearer than half of that to a camera
of theirs [all gone, without regard to light: at 0.3 -0.02 dB of held-out PSNR on kitchen, at 0.6 -0.03, nearly nothing
on demo, tabletop and bear; if 6 views may see it, at 0.6 -0.7 on demo]."""

FEW_VIEWS = 3
"""Views that have to look at a place before seeing a Gaussian in one of them is odd; also most that see a near one."""

NEEDLE = 20.0
"""Widths of a needle at full strength. The light bounds what goes: among more candidates it is the faintest [at 20 and
at 12 less is lost than at 40 on demo and tabletop; all needles of 40 widths, without regard to light, cost 0.03 to 0.4
dB of held-out PSNR on demo, tabletop and kitchen]."""

NEEDLE_OF_FILE = 160.0
"""The same without views, which would tell that a needle is seen [at 160 widths -0.05 dB on demo, at 40 -0.35]."""

HIGH_CONFIDENCE = 0.7
"""Confidence of segments that keep what they hold: objects have 0.6 to 0.85, background less."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Reasons of N Gaussians to go."""

    reasons: np.ndarray
    """(N,) uint8, bits of `Reason`; 0 = it stays."""
    spared: int
    """Number of Gaussians that stay only because a segment of high confidence holds them."""

    @property
    def gone(self) -> np.ndarray:
        """The Gaussians that go, (N,) bool."""
        gone: np.ndarray = self.reasons != 0
        return gone

    def count(self, reason: Reason) -> int:
        """Return the number of Gaussians that go for a reason, among others."""
        return int(np.count_nonzero(self.reasons & reason))

    def describe(self) -> tuple[str, ...]:
        """Return lines on what goes and why, and on what is spared."""
        spared = (f"{self.spared:,} more kept, which segments of high confidence hold",) if self.spared else ()
        return (*describe_reasons(self.reasons), *spared)


def check_strength(strength: float) -> None:
    """Raise PromptError for a strength outside 0..1: whoever asks a user calls it before the long work."""
    if not 0.0 <= strength <= 1.0:
        raise PromptError(f"the strength is {strength:g}; give a number from 0 (nothing that is seen) to 1")


def judge(
    evidence: Evidence,
    strength: float = STRENGTH,
    held: np.ndarray | None = None,
    wanted: Reason | None = None,
) -> Judgement:
    """Judge all Gaussians at a strength in 0..1. wanted: reasons looked for, or all.

    held (N,) bool: those that stay unless they hang right before a camera.

    Reasons that need cameras are not found without them. Raises ValueError for a strength outside 0..1.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"strength must be in 0..1, got {strength}")
    wanted = all_reasons() if wanted is None else wanted
    found = _in_views(evidence, strength) if evidence.seen is not None else _in_file(evidence, strength)
    reasons = np.zeros(len(evidence), dtype=np.uint8)
    for reason, members in found.items():
        if reason & wanted:
            reasons[members] |= np.uint8(reason)
    near = (reasons & Reason.NEAR) != 0
    spared = np.zeros(len(evidence), dtype=bool) if held is None else held & ~near & (reasons != 0)
    reasons[spared] = 0
    return Judgement(reasons, int(spared.sum()))


def held_by_segments(
    positions: np.ndarray, ids: np.ndarray, rows: Sequence[Segment], confidence: float = HIGH_CONFIDENCE
) -> np.ndarray:
    """Return the Gaussians that segments of at least this confidence hold within their boxes, (N,) bool.

    positions (N,3) in the user's own coordinates, as the boxes; ids (N,), 0 = none; rows of the table of segments.
    """
    held = np.zeros(len(ids), dtype=bool)
    for row in rows:
        if row.confidence is not None and row.confidence >= confidence:
            members = np.flatnonzero(ids == row.id)
            low, high = np.array(row.box)
            inside = (positions[members] >= low) & (positions[members] <= high)
            held[members[inside.all(1)]] = True
    return held


def _in_views(evidence: Evidence, strength: float) -> dict[Reason, np.ndarray]:
    seen = evidence.seen
    assert seen is not None
    share = LIGHT * strength**3
    known = ~seen.unknown
    unseen = known & (seen.light == 0)
    few = (seen.light > 0) & (seen.views < 1 + strength) & (seen.looked >= FEW_VIEWS)
    return {
        Reason.WEAK: _little(seen.light, known, share),
        Reason.ALONE: _little(seen.light, known & (evidence.pieces <= PIECE * strength), share),
        Reason.NEAR: (seen.near < NEAR * strength) & (seen.views <= FEW_VIEWS),
        Reason.FEW: _little(seen.light, few, share),
        Reason.NEEDLE: _little(seen.light, known & (evidence.slender * strength > NEEDLE), share),
        Reason.OUTSIDE: (unseen & (seen.looked == 0)) | _little(seen.light, known & (evidence.far > FAR_OUT), share),
    }


def _in_file(evidence: Evidence, strength: float) -> dict[Reason, np.ndarray]:
    alone = evidence.pieces <= PIECE * strength
    return {
        Reason.WEAK: evidence.opacities < FAINTEST * FAINT_OF_FILE**strength,
        Reason.ALONE: alone,
        Reason.NEEDLE: evidence.slender * strength > NEEDLE_OF_FILE,
        Reason.OUTSIDE: alone & (evidence.far > FAR_OUT),
    }


def _little(light: np.ndarray, candidates: np.ndarray, share: float) -> np.ndarray:
    """Return the faintest candidates (N,) bool that together give at most a share of all light (N,)."""
    found = np.flatnonzero(candidates)
    order = found[np.argsort(light[found], kind="stable")]
    within = np.cumsum(light[order]) <= share * float(light.sum())
    chosen = np.zeros(len(light), dtype=bool)
    chosen[order[within]] = True
    return chosen
