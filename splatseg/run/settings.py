"""Every setting of a run in one tree of frozen dataclasses; saved as config.yaml, enough to repeat the run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import splatseg.version
from splatseg.capture import Capture, load_capture
from splatseg.cluster import ClusterSettings
from splatseg.contrast import ContrastConfig
from splatseg.errors import RunError
from splatseg.lift import EmbedSettings
from splatseg.refine import RefineSettings
from splatseg.train import TrainConfig

Method = Literal["lift", "paper"]


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

    refine: how the boundaries were mended after segmenting (`splatseg refine`), None if they were not.
    """

    capture: CaptureSettings
    masks: str | None = None
    method: Method = "lift"
    splats: str | None = None
    seed: int = 0
    train: TrainConfig = field(default_factory=TrainConfig)
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
        """The settings a command line asks for: defaults of the method, its schedules scaled to `iterations`."""
        joint = method == "paper" and splats is None and masks is not None
        train = TrainConfig.paper() if joint else TrainConfig()
        if iterations is not None:
            train = train.scaled(iterations)
        settings = cls(capture, masks, method, splats, seed, train=dataclasses.replace(train, seed=seed))
        return settings.with_method(method, iterations, granularity)

    def with_method(self, method: Method, iterations: int | None, granularity: float | None = None) -> RunSettings:
        """The same run segmented anew, with this version's settings; `iterations` scales the schedule of `paper`.

        granularity: 0 for parts to 1 for groups. Raises RunError for another number.
        """
        if granularity is not None and not 0.0 <= granularity <= 1.0:
            raise RunError(f"the granularity is {granularity:g}; give a number from 0 (parts) to 1 (groups)")
        cluster = ClusterSettings(seed=self.seed)
        if granularity is not None:
            cluster = dataclasses.replace(cluster, granularity=granularity)
        contrast = ContrastConfig() if iterations is None else ContrastConfig().scaled(iterations)
        return dataclasses.replace(
            self,
            method=method,
            contrast=dataclasses.replace(contrast, seed=self.seed),
            embed=EmbedSettings(seed=self.seed),
            cluster=cluster,
            refine=None,
        )

    def with_masks(self, masks: str) -> RunSettings:
        """The same run with its masks taken from another folder."""
        return dataclasses.replace(self, masks=masks)
