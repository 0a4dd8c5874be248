"""The settings of a run as a tree of frozen dataclasses, saved as config.yaml; enough to repeat the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import MaskError, RunError
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.settings import PaperSettings
from splatseg.refine.settings import RefineSettings
from splatseg.train.settings import ColorMode, TrainSettings

if TYPE_CHECKING:
    from splatseg.cameras.coordinates import Coordinates
    from splatseg.capture.capture import Capture

Method = Literal["lift", "contrast", "paper"]

LARGEST = 2**63 - 1
"""Largest whole number of a setting: what generators of random numbers take as a seed."""

AUTO_MASKS = "auto"
"""Value of `masks` for masks that are proposed from the photographs and kept in the run."""

NO_MASKS = "none"
"""Value of `true_masks` that leaves out those a run was made with."""


def _version() -> str:
    from splatseg.version import __version__  # noqa: PLC0415 (a help text does not tell it, and it takes a while)

    return __version__


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
    skip_missing: bool = False
    """Leave out the images that are absent."""

    def load(self, coordinates: Coordinates | None = None) -> Capture:
        """Read the capture, into the world of coordinates if they are given.

        Raises CaptureError if it is missing or damaged.
        """
        from splatseg.capture.capture import load_capture  # noqa: PLC0415 (help texts list settings and read nothing)

        return load_capture(
            Path(self.path),
            downscale=self.downscale,
            test_every=self.test_every,
            test_names=self.test_names,
            train_names=self.train_names,
            skip_missing=self.skip_missing,
            coordinates=coordinates,
        )


@dataclass(frozen=True)
class MaskFolder:
    """A folder of masks, one of the sources of the masks of a run."""

    path: str
    """Absolute path of the folder, or AUTO_MASKS."""
    weight: float = 1.0
    """Number of equal views that each of its views counts for, above 0."""

    def __post_init__(self) -> None:
        if not 0.0 < self.weight < float("inf"):
            raise ValueError(f"the weight of masks must be a number above 0, got {self.weight}")

    @classmethod
    def of(cls, text: str | Path | MaskFolder) -> MaskFolder:
        """Read DIR, DIR=WEIGHT or AUTO_MASKS. Raises MaskError for a weight that is no number above 0.

        A folder that is called auto is named by its full path; one with = in its name is taken as it is.
        """
        if isinstance(text, MaskFolder):
            return text
        path, equals, weight = str(text).rpartition("=")
        if not equals or Path(text).exists():
            path, weight = str(text), "1"
        try:
            number = float(weight)
        except ValueError:
            number = 0.0
        if not 0.0 < number < float("inf"):
            raise MaskError(f"the masks '{text}' have the weight '{weight}'; give a number above 0, as in {path}=2")
        return cls(AUTO_MASKS if path == AUTO_MASKS else str(Path(path).absolute()), number)

    def __str__(self) -> str:
        """Return the text that `of` reads."""
        return self.path if self.weight == 1.0 else f"{self.path}={self.weight:g}"


Masks = str | Path | Iterable[str | Path | MaskFolder] | None
"""Masks of a run as a user gives them: one text for `MaskFolder.of` or several; None for none."""


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
    masks: tuple[MaskFolder, ...] = ()
    """Folders of masks and their weights; none for a run without masks."""
    true_masks: str | None = None
    """Absolute path of a folder of true masks of some views, which lead the others; None for none."""
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
    blocks: int = 1
    """Blocks in which the splat is fitted, which changes its bits, and segmented, which changes the memory of that and
    no bit; 1 for one piece."""
    version: str = field(default_factory=_version)
    """Version of splatseg that made the run."""

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise RunError(f"the work is to be done in {self.blocks} blocks; give a number from 1, or auto")
        if not 0 <= self.seed <= LARGEST:
            raise RunError(f"the seed is {self.seed}; give a whole number from 0 to {LARGEST}")

    @classmethod
    def of(
        cls,
        capture: CaptureSettings,
        masks: Masks = None,
        method: Method = "lift",
        splats: str | None = None,
        iterations: int | None = None,
        seed: int = 0,
        granularity: float | None = None,
        true_masks: str | Path | None = None,
        color_correction: ColorMode = "auto",
    ) -> RunSettings:
        """Return the default settings of a method, its schedules scaled to `iterations`.

        masks: a folder, `auto`, or several of them, each with a weight if it is not 1: ["sam", "person=3"].
        true_masks: a folder of masks of some views that are known to be right.
        color_correction: of photographs whose exposure or white balance drift (`TrainSettings.color_correction`).

        If the geometry is fitted first, `iterations` counts the steps of the fit (and of `paper`, which runs jointly);
        otherwise it counts the steps that train the features.

        Raises MaskError for a weight that is not above 0, a folder that is given twice, and true masks alone.
        """
        joint = method == "paper" and splats is None and masks is not None
        train = TrainSettings.paper() if joint else TrainSettings()
        if iterations is not None:
            train = train.scaled(iterations)
        train = dataclasses.replace(train, seed=seed, color_correction=color_correction)
        settings = cls(capture, method=method, splats=splats, seed=seed, train=train)
        settings = settings.with_masks(masks, true_masks)
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
        """Rename values that an earlier version wrote: `contrast` held the settings of `paper`, `masks` one folder.

        A fit whose settings know nothing of colour corrections was made without.
        """
        contrast = values.get("contrast")
        if isinstance(contrast, dict) and "clustering_every" in contrast and "paper" not in values:
            values = {**values, "paper": contrast}
            del values["contrast"]
        if "masks" in values and not isinstance(values["masks"], list):
            values = {**values, "masks": [{"path": values["masks"]}] if values["masks"] else []}
        train = values.get("train")
        if isinstance(train, dict) and "color_correction" not in train:
            values = {**values, "train": {**train, "color_correction": "never"}}
        return values

    def with_masks(self, masks: Masks, true_masks: str | Path | None = None) -> RunSettings:
        """Return the settings with other masks, and true masks or none. Raises MaskError as `of`."""
        texts = [] if masks is None else [masks] if isinstance(masks, str | Path) else list(masks)
        folders = tuple(map(MaskFolder.of, texts))
        true = None if true_masks is None else str(Path(true_masks).absolute())
        if true is not None and not folders:
            raise MaskError(
                f"the true masks in {true} lead other masks, and there are none; give those too, or give the true "
                "masks as masks (--masks)"
            )
        places = [Path(path).resolve() for path in (*(folder.path for folder in folders), *([true] if true else []))]
        twice = next((place for place in places if places.count(place) > 1), None)
        if twice is not None:
            raise MaskError(f"the masks in {twice} are given twice; give each folder once, with its weight")
        return dataclasses.replace(self, masks=folders, true_masks=true)

    def with_given_masks(self, masks: Masks = None, true_masks: str | Path | None = None) -> RunSettings:
        """Return the settings with masks that are given; None keeps those that they have. Raises MaskError as `of`.

        true_masks: `NO_MASKS` leaves them out.
        """
        drawn = self.true_masks if true_masks is None else true_masks
        return self.with_masks(self.masks if masks is None else masks, None if drawn == NO_MASKS else drawn)

    @property
    def proposes(self) -> bool:
        """True if masks are proposed from the photographs (AUTO_MASKS)."""
        return any(folder.path == AUTO_MASKS for folder in self.masks)


def checked_granularity(granularity: float) -> float:
    """Return the granularity. Raises RunError if it is not in 0..1."""
    if not 0.0 <= granularity <= 1.0:
        raise RunError(f"the granularity is {granularity:g}; give a number from 0 (parts) to 1 (groups)")
    return granularity
