"""`splatseg train`: from a capture to a splat, and with masks to its segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Device, Form, InBlocks, Masks, Printed, TrueMasks, read_names
from splatseg.cli.console import Terminal
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.settings import Method, RunSettings
from splatseg.train.settings import ColorMode


@dataclass(frozen=True)
class Train:
    """Fit a splat to the photographs of a capture and, with --masks, find its segments.

    CAPTURE is a folder with a COLMAP model (sparse/0) or a nerfstudio transforms.json, and its images.
    """

    capture: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CAPTURE")]
    """The folder of the capture."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="RUN")]
    """The run folder to make."""
    masks: Masks = ()
    """Folder of 2D masks named as the images, or `auto`: proposed from the photographs, without any model (1 s a view).
    Give it several times to use several folders at once, with a weight for what counts more: --masks sam --masks
    person=3. Without it only the splat is fitted."""
    true_masks: TrueMasks = None
    """Folder of masks of some views that a person drew or corrected. They replace the other masks of their views and
    lead those of the rest: what they show apart is never one segment."""
    method: Method = "lift"
    """Method that makes features of the masks: lift (closed form, seconds), contrast (trained from it: 16 channels, a
    minute) or paper (Contrastive Gaussian Clustering)."""
    splats: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A trained splat (.ply, .splat, .spz, .sog, .ksplat): its geometry is taken and frozen, nothing is fitted."""
    iterations: int | None = None
    """Steps of training; all schedules scale with it. Default: the method's own."""
    granularity: float | None = None
    """Coarseness of segments, from 0 (parts) to 1 (groups). Default: 0.5."""
    color_correction: ColorMode = "auto"
    """Correction of each photograph for exposure and white balance that drift, left out of the splat: auto where the
    photographs confirm it, always, or never."""
    downscale: int = 1
    """Divide the size of the images by this."""
    seed: int = 0
    """The same seed and command give the same files."""
    test_every: int = 8
    """Hold out every N-th view (sorted by name) for test; 0 holds out none."""
    test_views: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Text file with the names of the views to hold out, one a line; instead of --test-every."""
    train_views: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Text file with the names of the views to train on, one a line; default: all that are not held out."""
    skip_missing: bool = False
    """Work with the images that are there, where others that the capture names are absent."""
    resume: bool = False
    """Continue an interrupted run from its last checkpoint."""
    overwrite: bool = False
    """Replace a run that is already there."""
    force: bool = False
    """Go on with masks or a splat that the photographs do not fit."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    in_blocks: InBlocks = field(default_factory=BlocksRequest)
    """Blocks and workers."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def settings(self) -> RunSettings:
        """Return the settings of the run. Raises the errors of what can be seen before anything is read."""
        from splatseg.capture.capture import find_cameras
        from splatseg.formats.read import find_splat, format_suffix
        from splatseg.run.settings import CaptureSettings

        capture = CaptureSettings(
            path=str(self.capture.absolute()),
            downscale=self.downscale,
            test_every=self.test_every,
            test_names=read_names(self.test_views),
            train_names=read_names(self.train_views),
            skip_missing=self.skip_missing,
        )
        settings = RunSettings.of(
            capture,
            masks=self.masks or None,
            method=self.method,
            splats=_absolute(self.splats),
            iterations=self.iterations,
            seed=self.seed,
            granularity=self.granularity,
            true_masks=self.true_masks,
            color_correction=self.color_correction,
        )
        find_cameras(self.capture)
        if self.splats is not None:
            format_suffix(find_splat(self.splats))
        return settings

    def run(self, terminal: Terminal) -> None:
        """Check everything the user gave, make the run, do the work."""
        from splatseg.run.create import check_room

        settings = self.settings()
        check_room(self.output, self.resume, self.overwrite)
        from splatseg.jobs.train import start_run, train_run

        run = start_run(self.output, settings, self.resume, self.overwrite, terminal, self.force, self.in_blocks)
        terminal.result(train_run(run, terminal, self.in_blocks))


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
