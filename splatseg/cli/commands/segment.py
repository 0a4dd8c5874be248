"""`splatseg segment`: features and segments for a run that has a splat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from splatseg.cli.arguments import Device, Form, InBlocks, Masks, MovedCapture, Printed, RunFolder, TrueMasks, opened
from splatseg.cli.console import Terminal
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.settings import Method

if TYPE_CHECKING:
    from splatseg.run.folder import Run


@dataclass(frozen=True)
class Segment:
    """Give the splat of a run features and segments, or new ones. The geometry does not change."""

    folder: RunFolder
    """The run folder."""
    masks: Masks = ()
    """Folder of 2D masks named as the images, or `auto` to propose them from the photographs. Give it several times to
    use several folders at once, with a weight for what counts more: --masks sam --masks person=3. Default: what the run
    was made with."""
    true_masks: TrueMasks = None
    """Folder of masks of some views that a person drew or corrected. They replace the other masks of their views and
    lead those of the rest: what they show apart is never one segment. `none` leaves out those the run was made with."""
    method: Method | None = None
    """lift (closed form, seconds; the default), contrast (trained from it: 16 channels, a minute) or paper (the
    training of Contrastive Gaussian Clustering)."""
    iterations: int | None = None
    """Steps of `--method paper` (default: 30,000) and `--method contrast` (default: 600)."""
    granularity: float | None = None
    """Coarseness of segments, from 0 (parts) to 1 (groups). Default: 0.5. Alone it only cuts the hierarchy again."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    force: bool = False
    """Take masks that the photographs do not fit."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    in_blocks: InBlocks = field(default_factory=BlocksRequest)
    """Blocks and workers."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Find the segments and print their number."""
        run = opened(self.folder, self.capture)
        from splatseg.jobs.segment import regroup_run, segment_run

        if self.granularity is not None and not self.finds_anew(run):
            summary = regroup_run(run, self.granularity, terminal, self.in_blocks)
        else:
            method, masks, true = self.method or "lift", self.masks or None, self.true_masks
            summary = segment_run(
                run, masks, method, self.iterations, self.granularity, true, terminal, self.force, self.in_blocks
            )
        terminal.result(summary)

    def finds_anew(self, run: Run) -> bool:
        """Tell whether segments are found anew by the masks, and not only cut from the hierarchy."""
        anew = self.masks or self.true_masks or self.method or self.iterations
        return bool(anew) or self.granularity is None or not run.hierarchy_path.exists()
