"""Masks for a capture: made by a model or another generator, or flattened for other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splatseg.capture.capture import load_capture
from splatseg.masks.flatten import Layout, flatten_masks
from splatseg.masks.propose.batch import ALL, begin_masks, generate_masks
from splatseg.masks.propose.generators import open_generator
from splatseg.masks.propose.sam.mask_model import Precision
from splatseg.masks.propose.settings import GenerateSettings
from splatseg.masks.store import all_masks
from splatseg.run.reporter import NullReporter, Reporter
from splatseg.version import __version__


@dataclass(frozen=True)
class MasksRequest:
    """What masks to make. model: the name of a generator, a folder of weights, or a name on the hub.

    downscale: divide the size of the images by this before the model sees them; shard (i, n): every n-th view from the
    i-th on.
    """

    model: str
    settings: GenerateSettings = field(default_factory=GenerateSettings)
    device: str = "auto"
    precision: Precision = "auto"
    downscale: int = 1
    shard: tuple[int, int] = ALL
    overwrite: bool = False


def make_masks(capture: Path, folder: Path, request: MasksRequest, reporter: Reporter | None = None) -> str:
    """Make the masks of every view of a capture (train and test) that has none yet, one file a view. Returns a summary.

    Raises CaptureError, MaskError and WeightsError for bad input, before anything is made where that can be known.
    """
    reporter = reporter or NullReporter()
    views = load_capture(capture, downscale=request.downscale, test_every=0).views
    generator = open_generator(request.model, request.settings, request.device, request.precision, reporter.warn)
    duplicate_iou = request.settings.duplicate_iou
    facts = generator.facts | {"downscale": request.downscale, "duplicate_iou": duplicate_iou}
    facts["versions"] = {"splatseg": __version__} | facts.get("versions", {})
    begin_masks(folder, views, facts, request.overwrite, request.shard)
    share = len(views[request.shard[0] - 1 :: request.shard[1]])
    with reporter.stage("masks", share) as advance:

        def on_view(done: int, total: int, masks: int) -> None:
            del total
            advance(done, masks=str(masks))

        made = generate_masks(views, folder, generator, facts, duplicate_iou, request.shard, on_view)
    if made.empty:
        names = ", ".join(made.empty[:3]) + (", ..." if len(made.empty) > 3 else "")
        reporter.warn(
            f"{len(made.empty)} of {len(made.counts)} views have no mask ({names}); lower thresholds (--pred-iou, "
            "--stability) give more"
        )
    total = sum(made.counts.values())
    there = len(made.counts) - len(made.fresh)
    mean = total / max(1, len(made.counts))
    earlier = f" ({there} views were there already)" if there else ""
    return f"{total:,} masks in {len(made.counts)} views, {mean:.0f} a view{earlier}\n{folder}"


def export_masks(masks: Path, output: Path, layout: Layout, reporter: Reporter | None = None) -> str:
    """Write masks as flat label maps for another program. Returns a summary. Raises MaskError for bad masks."""
    reporter = reporter or NullReporter()
    with reporter.stage("flattening", len(all_masks(masks))) as advance:
        done = flatten_masks(masks, output, layout, lambda count, total: advance(count))
    if done.clipped:
        reporter.warn(
            f"{done.clipped} of {done.views} views have more segments than {layout} can number; the largest are kept"
        )
    return f"{done.views} label maps\n{done.folder}"
