"""Everything that is given for a scene, checked against each other: one function for every command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.checks.capture import capture_troubles
from splatseg.checks.mask_boundaries import mask_troubles
from splatseg.checks.mask_names import stray_masks
from splatseg.checks.trouble import Trouble
from splatseg.checks.world import placed
from splatseg.formats.read import describe_dropped, load_splats
from splatseg.masks.sources import MaskSources
from splatseg.splats.splats import Splats


@dataclass(frozen=True, eq=False)
class Checked:
    """Findings of a check."""

    troubles: tuple[Trouble, ...]
    """All troubles, in the order capture, splat, masks."""

    splats: Splats | None = None
    """The splat in the world of the capture; None if none was given."""


def check_together(
    capture: Capture,
    masks: MaskSources | None = None,
    splats: Path | None = None,
    advance: Callable[[int], None] | None = None,
) -> Checked:
    """Check a capture, and with it masks and a splat file, if they are given. Every mask is read.

    advance: told the number of views whose masks are done.

    Raises CaptureError, MaskError or SplatFileError for files that cannot be read; what does not belong together is
    among the troubles.
    """
    troubles = capture_troubles(capture)
    found = None
    if splats is not None:
        loaded, dropped = load_splats(splats)
        if dropped:
            troubles.append(Trouble(describe_dropped(splats, dropped)))
        place = placed(loaded, splats, capture)
        found = place.splats
        troubles += [] if place.trouble is None else [place.trouble]
    if masks is not None:
        troubles += stray_masks(masks, capture.views)
        troubles += mask_troubles(masks, capture.views, advance)
    return Checked(tuple(troubles), found)
