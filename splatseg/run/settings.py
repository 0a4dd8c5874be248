"""Every setting of a run in one tree of frozen dataclasses; saved as config.yaml, enough to repeat the run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import splatseg.version
from splatseg.capture.capture import Capture, load_capture
from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import RunError
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.settings import PaperSettings
from splatseg.refine.settings import RefineSettings
from splatseg.train.settings import TrainSettings

Method = Literal["lift", "contrast", "paper"]

AUTO_MASKS = "auto"
"""In place of a folder of masks: those that are proposed from the photographs, kept with the run."""


@dataclass(frozen=True)
class CaptureSettings:
    """Settings of `capture.load_capture`: a capture and the way it is read.

    Example:
        >>> len(splatseg.CaptureSettings(str(splatseg.demo_capture()), downscale=4).load().views)
        64
    """

    path: str
    """Absolute path of its folder."""
    downscale: int = 1
    """The size that the cameras state is divided by this."""
    test_every: int = 8
    """Every so many views one is held out; 0 holds out none."""
    test_names: tuple[str, ...] | None = None
    """The views held out, if they are named."""
    train_names: tuple[str, ...] | None = None
    """The views trained on, if they are named."""

    def load(self) -> Capture:
        """Read the capture. Raises CaptureError."""
        return load_capture(
            Path(self.path),
            downscale=self.downscale,
            test_every=self.test_every,
            test_names=self.test_names,
            train_names=self.train_names,
        )


@dataclass(frozen=True)
class RunSettings:
    """All that decides what a run will hold.

    Example:
        >>> capture = splatseg.CaptureSettings(str(splatseg.demo_capture()))
        >>> splatseg.RunSettings.of(capture, masks="auto", iterations=500).train.iterations
        500
    """

    capture: CaptureSettings
    """The photographs and cameras."""
    masks: str | None = None
    """Absolute path of their folder, AUTO_MASKS, or None for a run without masks."""
    method: Method = "lift"
    """Of making features from masks."""
    splats: str | None = None
    """Absolute path of the splat to segment; None: one is fitted."""
    seed: int = 0
    """Of everything random; copied into the settings of each stage."""
    train: TrainSettings = field(default_factory=TrainSettings)
    """Of the photometric fit."""
    paper: PaperSettings = field(default_factory=PaperSettings)
    """Of the method `paper`."""
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    """Of the method `contrast`."""
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    """Of the method `lift`."""
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    """Of the segments."""
    refine: RefineSettings | None = None
    """Of the boundaries, if they were mended after segmenting (`splatseg refine`)."""
    version: str = splatseg.version.__version__
    """Of splatseg, when the run was made."""

    @classmethod
    def of(
        cls,
        capture: CaptureSettings,
        masks: str | None = None,
        method: Method = "lift",
        splats: str | None = None,
        iterations: int | None = None,
        seed: int = 0,
        granularity: float | None = None,
    ) -> RunSettings:
        """The settings a command line asks for: defaults of the method, its schedules scaled to `iterations`.

        Where the geometry is fitted first, `iterations` are those of the fit, and of `paper`, which goes with it.
        """
        joint = method == "paper" and splats is None and masks is not None
        train = TrainSettings.paper() if joint else TrainSettings()
        if iterations is not None:
            train = train.scaled(iterations)
        settings = cls(capture, masks, method, splats, seed, train=dataclasses.replace(train, seed=seed))
        fits_first = method != "paper" and splats is None
        return settings.with_method(method, None if fits_first else iterations, granularity)

    def with_method(self, method: Method, iterations: int | None, granularity: float | None = None) -> RunSettings:
        """The same run segmented anew, with this version's settings; `iterations` scales `paper` and `contrast`.

        granularity: 0 for parts to 1 for groups. Raises RunError for another number.
        """
        cluster = ClusterSettings(seed=self.seed)
        if granularity is not None:
            cluster = dataclasses.replace(cluster, granularity=checked_granularity(granularity))
        paper = PaperSettings() if iterations is None else PaperSettings().scaled(iterations)
        contrast = ContrastSettings() if iterations is None else ContrastSettings(iterations=iterations)
        return dataclasses.replace(
            self,
            method=method,
            paper=dataclasses.replace(paper, seed=self.seed),
            contrast=dataclasses.replace(contrast, seed=self.seed),
            embed=EmbedSettings(seed=self.seed),
            cluster=cluster,
            refine=None,
        )

    def with_granularity(self, granularity: float) -> RunSettings:
        """The same run, its segments cut elsewhere. Raises RunError as `with_method` does."""
        cluster = dataclasses.replace(self.cluster, granularity=checked_granularity(granularity))
        return dataclasses.replace(self, cluster=cluster)

    @staticmethod
    def upgraded(values: dict[str, Any]) -> dict[str, Any]:
        """What an earlier version wrote, under today's names: `contrast` held the settings of `paper`."""
        contrast = values.get("contrast")
        if isinstance(contrast, dict) and "clustering_every" in contrast and "paper" not in values:
            values = {**values, "paper": contrast}
            del values["contrast"]
        return values

    def with_masks(self, masks: str) -> RunSettings:
        """The same run with its masks taken from another folder."""
        return dataclasses.replace(self, masks=masks)


def checked_granularity(granularity: float) -> float:
    """The number itself. Raises RunError if it is not in 0..1."""
    if not 0.0 <= granularity <= 1.0:
        raise RunError(f"the granularity is {granularity:g}; give a number from 0 (parts) to 1 (groups)")
    return granularity
