"""The settings of a run as a tree of frozen dataclasses, saved as config.yaml; enough to repeat the run."""

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
"""Value of `masks` for masks that are proposed from the photographs and kept in the run."""


@dataclass(frozen=True)
class CaptureSettings:
    """Arguments of `capture.load_capture`: a capture and how to read it.

    Example:
        >>> len(splatseg.CaptureSettings(str(splatseg.demo_capture()), downscale=4).load().views)
        64
    """

    path: str
    """Absolute path of the capture's folder."""
    downscale: int = 1
    """Divisor of the image size that the cameras state."""
    test_every: int = 8
    """Hold out every n-th view for test; 0 holds out none."""
    test_names: tuple[str, ...] | None = None
    """Names of the views to hold out, in place of `test_every`."""
    train_names: tuple[str, ...] | None = None
    """Names of the views to train on."""

    def load(self) -> Capture:
        """Read the capture. Raises CaptureError if it is missing or damaged."""
        return load_capture(
            Path(self.path),
            downscale=self.downscale,
            test_every=self.test_every,
            test_names=self.test_names,
            train_names=self.train_names,
        )


@dataclass(frozen=True)
class RunSettings:
    """All settings that decide the content of a run.

    Example:
        >>> capture = splatseg.CaptureSettings(str(splatseg.demo_capture()))
        >>> splatseg.RunSettings.of(capture, masks="auto", iterations=500).train.iterations
        500
    """

    capture: CaptureSettings
    """The photographs and cameras."""
    masks: str | None = None
    """Absolute path of the folder of masks, AUTO_MASKS, or None for a run without masks."""
    method: Method = "lift"
    """Method that turns masks into features."""
    splats: str | None = None
    """Absolute path of the splat to segment; None fits one."""
    seed: int = 0
    """Seed of all random numbers, copied into the settings of each stage."""
    train: TrainSettings = field(default_factory=TrainSettings)
    """Settings of the photometric fit."""
    paper: PaperSettings = field(default_factory=PaperSettings)
    """Settings of the method `paper`."""
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    """Settings of the method `contrast`."""
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    """Settings of the method `lift`."""
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    """Settings of the clustering into segments."""
    refine: RefineSettings | None = None
    """Settings of the refinement of boundaries; None for a run that `splatseg refine` did not make."""
    version: str = splatseg.version.__version__
    """Version of splatseg that made the run."""

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
        """Return the default settings of a method, its schedules scaled to `iterations`.

        If the geometry is fitted first, `iterations` counts the steps of the fit (and of `paper`, which runs jointly);
        otherwise it counts the steps that train the features.
        """
        joint = method == "paper" and splats is None and masks is not None
        train = TrainSettings.paper() if joint else TrainSettings()
        if iterations is not None:
            train = train.scaled(iterations)
        settings = cls(capture, masks, method, splats, seed, train=dataclasses.replace(train, seed=seed))
        fits_first = method != "paper" and splats is None
        return settings.with_method(method, None if fits_first else iterations, granularity)

    def with_method(self, method: Method, iterations: int | None, granularity: float | None = None) -> RunSettings:
        """Return the settings with another method and this version's defaults for features and segments.

        iterations: steps of `paper` and `contrast`; None takes their defaults.
        granularity: 0 for parts to 1 for groups. Raises RunError for a number outside 0..1.
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
        """Return the settings with another granularity. Raises RunError for a number outside 0..1."""
        cluster = dataclasses.replace(self.cluster, granularity=checked_granularity(granularity))
        return dataclasses.replace(self, cluster=cluster)

    @staticmethod
    def upgraded(values: dict[str, Any]) -> dict[str, Any]:
        """Rename values that an earlier version wrote: its `contrast` held the settings of `paper`."""
        contrast = values.get("contrast")
        if isinstance(contrast, dict) and "clustering_every" in contrast and "paper" not in values:
            values = {**values, "paper": contrast}
            del values["contrast"]
        return values

    def with_masks(self, masks: str) -> RunSettings:
        """Return the settings with the masks of another folder."""
        return dataclasses.replace(self, masks=masks)


def checked_granularity(granularity: float) -> float:
    """Return the granularity. Raises RunError if it is not in 0..1."""
    if not 0.0 <= granularity <= 1.0:
        raise RunError(f"the granularity is {granularity:g}; give a number from 0 (parts) to 1 (groups)")
    return granularity
