"""Every setting of a run in one tree of frozen dataclasses; saved as config.yaml, enough to repeat the run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import splatseg.version
from splatseg.capture.capture import Capture, load_capture
from splatseg.cluster.cluster import ClusterSettings
from splatseg.errors import RunError
from splatseg.features.contrast.settings import ContrastConfig
from splatseg.features.lift.embed import EmbedSettings
from splatseg.features.paper.settings import PaperConfig
from splatseg.refine.refine import RefineSettings
from splatseg.train.settings import TrainConfig

Method = Literal["lift", "contrast", "paper"]

AUTO_MASKS = "auto"
"""In place of a folder of masks: those that are proposed from the photographs, kept with the run."""


@dataclass(frozen=True)
class CaptureSettings:
    """Where the capture is and how it is read; see `capture.load_capture`."""

    path: str
    downscale: int = 1
    test_every: int = 8
    test_names: tuple[str, ...] | None = None
    train_names: tuple[str, ...] | None = None

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
    """All that decides what a run will hold. masks, splats: absolute paths or None (no masks; fit the splat).
    masks may also be AUTO_MASKS.

    refine: how the boundaries were mended after segmenting (`splatseg refine`), None if they were not.
    """

    capture: CaptureSettings
    masks: str | None = None
    method: Method = "lift"
    splats: str | None = None
    seed: int = 0
    train: TrainConfig = field(default_factory=TrainConfig)
    paper: PaperConfig = field(default_factory=PaperConfig)
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    refine: RefineSettings | None = None
    version: str = splatseg.version.__version__

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
        train = TrainConfig.paper() if joint else TrainConfig()
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
        paper = PaperConfig() if iterations is None else PaperConfig().scaled(iterations)
        contrast = ContrastConfig() if iterations is None else ContrastConfig(iterations=iterations)
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
