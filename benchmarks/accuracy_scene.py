"""Scenes of the measurements of accuracy: a capture with ground truth, frozen geometry, masks and their disturbances.

A scene is a folder with gt/instance (or gt/label, where 255 = unknown) and folders of masks. Masks named `proposals`
are made once by the product's own command from the photographs.

Alphabet: N Gaussians; V views of a split; L labels, 0 = no object; P labels present in one view.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from disturbances import Masking
from skimage.morphology import convex_hull_image

from splatseg import CaptureSettings, MasksRequest, RunSettings, Splats, View, propose_for_capture, start_run, train_run
from splatseg.borders.superpixels import Superpixels
from splatseg.cli.console import Terminal
from splatseg.evaluate.protocols.prompted import ProtocolResult, run_protocol
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.masks.segments import Segments, from_label_map, together
from splatseg.masks.store import open_masks
from splatseg.raster.interface import Plan
from splatseg.run.folder import Run, open_run
from splatseg.select.threshold import render_members
from splatseg.votes.votes import collect_votes

UNKNOWN = 255

KITCHEN = {1: "bulldozer", 2: "orange mat", 3: "blue-grey mat", 4: "table"}
"""Objects of the one scene of photographs; its table is stuff, as table tops of the others are."""


MOST_KEPT = 512
"""Sets of Gaussians whose masks are kept, some 0.3 MB each at 640x480 and eight views."""


@dataclass
class Masks:
    """What `collect_votes` reads: segments by view name."""

    segments: dict[str, Segments]
    superpixels: Superpixels | None = None
    """Those that undisturbed proposals were made of."""

    def read(self, view: View) -> Segments | None:
        return self.segments.get(view.name)


@dataclass
class Scene:
    """A capture with ground truth and a fitted splat without features."""

    path: Path
    run: Run
    splats: Splats
    truth: Truth
    proposals: Path
    """Folder of the proposals of this scene, made when they are first asked for."""

    @classmethod
    def load(cls, path: Path, work: Path, fitted: Path | None, seed: int, proposals: Path | None = None) -> Scene:
        """Take the geometry of the run `fitted`; if there is none, fit it there, or in `work`. The fit goes on where
        it was stopped. proposals: a folder with a folder a scene."""
        place = fitted or work / f"{path.name}-{seed}"
        run = open_run(place) if (place / "splats.ply").exists() else None
        if run is None:
            run = start_run(place, RunSettings.of(CaptureSettings(str(path.absolute())), seed=seed), resume=True)
            train_run(run, Terminal())
        splats = run.splats().replace(features=None, segment_ids=None)
        return cls(path, run, splats, truth_of(path, run.capture.views), (proposals or work / "proposals") / path.name)

    def names(self, split: str) -> list[str]:
        return [view.name for view in self.run.capture.split(split)]

    def has(self, masks: str) -> bool:
        """Is there the folder of masks of `FOLDER[,NAME=VALUE ...]`, or can it be made?"""
        folder = Masking.of(masks).folder
        return folder in ("clean", "proposals") or (self.path / folder).is_dir()

    def masks(self, name: str, seed: int) -> Masks:
        """The masks of `FOLDER[,NAME=VALUE ...]` in the training views. Raises ValueError for unknown ones."""
        masking = Masking.of(name)
        views = masking.views_of(self.run.capture.split("train"))
        rng = np.random.default_rng(seed)
        store = None if masking.folder == "clean" else open_masks(self._folder(masking.folder), views)
        found = {}
        for view in views:
            labels = self.truth.label_maps[view.name]
            segments = from_label_map(labels) if store is None else store.read(view)
            if segments is not None:
                things = ~np.isin(labels, self.no_things)
                hull = convex_hull_image(things) if masking.big and things.any() else None
                found[view.name] = masking.apply(segments, rng, hull)
        for view in masking.true_views_of(views):
            found[view.name] = together([from_label_map(self.truth.label_maps[view.name])], [np.inf])
        whole = masking == Masking.of("proposals")
        return Masks(found, Superpixels.found(self._folder("proposals"), views) if whole else None)

    def _folder(self, name: str) -> Path:
        if name != "proposals":
            return self.path / name
        if not (self.proposals / "masks.json").exists() or not self._all_proposed():
            propose_for_capture(self.path, self.proposals, MasksRequest(splats=self.run.splats_path), Terminal())
        return self.proposals

    def _all_proposed(self) -> bool:
        made = {path.stem for path in self.proposals.glob("*.json")}
        return all(Path(view.png_name).stem in made for view in self.run.capture.split("train"))

    @property
    def unlabelled(self) -> tuple[int, ...]:
        """Labels of pixels that show no object, or an unknown one."""
        return (0,) if self.truth.unknown is None else (0, self.truth.unknown)

    @property
    def no_things(self) -> tuple[int, ...]:
        """Labels of pixels that show no thing: unlabelled ones and stuff."""
        return (*self.unlabelled, *sorted(self.truth.stuff))

    @cached_property
    def shown(self) -> Shown:
        """Masks of selections in the held-out views."""
        return Shown(self.splats, self.run.capture.split("test"))

    @cached_property
    def labels(self) -> np.ndarray:
        """(L,) labels of objects, ascending, and 0 = no object first."""
        return np.array([0, *self.truth.ids])

    def true_votes(self, split: str) -> Iterator[tuple[str, np.ndarray]]:
        """For every view of a split its name and the votes (N,L) of the true masks of `labels`."""
        maps = {name: self.truth.label_maps[name] for name in self.names(split)}
        # What is none of the objects votes too, or what shines through edges would count as objects. Unknown does not.
        raised = {name: np.where(labels == self.truth.unknown, -1, labels) + 1 for name, labels in maps.items()}
        masks = Masks({name: from_label_map(labels) for name, labels in raised.items()})
        votes = collect_votes(self.splats, self.run.capture.split(split), masks)
        columns = votes.weights.tocsc()
        for view, name in enumerate(votes.views):
            # Ids close up: column j is the j-th label present.
            present = np.unique(raised[name][raised[name] > 0]) - 1
            weights = np.zeros((len(self.splats), len(self.labels)), dtype=np.float32)
            of_view = columns[:, np.flatnonzero(votes.view_of == view)]
            weights[:, np.searchsorted(self.labels, present)] = of_view.toarray()
            yield name, weights


@dataclass
class Shown:
    """Masks of sets of Gaussians in some views. Geometry is prepared once a view; a set that comes again is kept."""

    splats: Splats
    views: list[View]
    _plans: dict[str, Plan] = field(default_factory=dict)
    _masks: dict[bytes, dict[str, np.ndarray]] = field(default_factory=dict)

    def masks(self, members: np.ndarray) -> dict[str, np.ndarray]:
        """The mask (H,W) bool of members (N,) bool in every view, by its name."""
        key = hashlib.blake2b(np.packbits(members).tobytes()).digest()
        if key not in self._masks:
            if len(self._masks) >= MOST_KEPT:
                self._masks.clear()
            self._masks[key] = {view.name: np.packbits(self._mask(view, members)) for view in self.views}
        packed = self._masks[key]
        return {view.name: _unpacked(packed[view.name], view) for view in self.views}

    def _mask(self, view: View, members: np.ndarray) -> np.ndarray:
        if view.name not in self._plans:
            self._plans[view.name] = self.splats.prepare(view.camera)
        return render_members(self._plans[view.name], members[None])[0]


def _unpacked(bits: np.ndarray, view: View) -> np.ndarray:
    height, width = view.camera.height, view.camera.width
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


def truth_of(path: Path, views: list[View]) -> Truth:
    """The truth of a scene's folder."""
    if (path / "gt" / "instance").is_dir():
        return read_truth(path / "gt" / "instance", views)
    truth = read_truth(path / "gt" / "label", views, unknown=UNKNOWN)
    return dataclasses.replace(truth, names=KITCHEN, stuff=frozenset({4}))


def ceiling(scene: Scene) -> tuple[ProtocolResult, np.ndarray]:
    """The protocol with members given by the true masks' votes; and the label of every Gaussian (N,)."""
    summed = np.zeros((len(scene.splats), len(scene.labels)), dtype=np.float32)
    for _, weights in scene.true_votes("train"):
        summed += weights
    label = scene.labels[summed.argmax(1)]

    def select(view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        return scene.shown.masks(label == scene.truth.label_maps[view_name][mask][0])

    return run_protocol(scene.truth, scene.names("train"), scene.names("test"), select), label
