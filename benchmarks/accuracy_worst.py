"""Pictures of the objects that are found worst: the photograph with the true outline, and what was found filled.

An object is worse, the smaller the share of the ceiling's IoU that it reaches. It is drawn in the held-out view in
which most pixels are wrong, truth in white, what was found in amber.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from accuracy_scene import Scene
from PIL import Image

from splatseg.evaluate.protocols.prompted import ProtocolResult
from splatseg.render.overlays import SELECTED, outlines

KINDS = ("click", "mask")


@dataclass(frozen=True, eq=False)
class Case:
    """An object that was prompted."""

    share: float
    """IoU over that of the ceiling."""
    scene: str
    """Name of the scene."""
    masks: str
    """The masks, with their disturbances."""
    object: str
    """Name of the object."""
    picture: np.ndarray
    """(H,W,3) uint8."""


@dataclass
class Worst:
    """The worst objects of each kind of prompt, over all scenes and masks."""

    count: int
    """Number of objects of each kind."""
    folder: Path
    """Folder of the pictures."""
    cases: dict[str, list[Case]] = field(default_factory=dict)
    """The worst so far by kind, the worst first."""

    def add(
        self,
        scene: Scene,
        masks: str,
        kind: str,
        result: ProtocolResult,
        ceilings: Mapping[int, float],
        chosen: Mapping[tuple[str, int], np.ndarray],
    ) -> None:
        """Take in the things of one row; chosen: their members (N,) bool by kind and object, if any were found."""
        if kind not in KINDS:
            return
        cases = self.cases.setdefault(kind, [])
        for score in result.things:
            share = score.iou / max(ceilings[score.prompt.id], 1e-9)
            # An object that several sets of masks lose is one object.
            same = [case for case in cases if (case.scene, case.object) == (scene.path.name, score.name)]
            if share < (same[0].share if same else cases[-1].share if len(cases) == self.count else np.inf):
                cases[:] = [case for case in cases if case not in same]
                picture = drawn(scene, score.prompt.id, chosen.get((kind, score.prompt.id)))
                cases.append(Case(share, scene.path.name, masks, score.name, picture))
                cases.sort(key=lambda case: case.share)
                del cases[self.count :]

    def write(self) -> list[Path]:
        """Write the pictures, `click-1-SCENE-MASKS-OBJECT-0.12.png`, 1 the worst."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for kind, cases in self.cases.items():
            for rank, case in enumerate(cases, start=1):
                name = f"{kind}-{rank}-{case.scene}-{case.masks}-{case.object}-{case.share:.2f}.png"
                paths.append(self.folder / name.replace("/", "_").replace(" ", "_"))
                Image.fromarray(case.picture).save(paths[-1])
        return paths


def drawn(scene: Scene, label: int, members: np.ndarray | None) -> np.ndarray:
    """The photograph (H,W,3) uint8 of the view with most wrong pixels of an object; members (N,) bool, None: nothing
    was found."""
    views = scene.run.capture.split("test")
    true = {view.name: scene.truth.label_maps[view.name] == label for view in views}
    nothing = {name: np.zeros_like(mask) for name, mask in true.items()}
    shown = nothing if members is None else scene.shown.masks(members)
    # In a view without the object nothing is scored, so nothing there is wrong.
    wrong = {name: (true[name] ^ shown[name]).sum() * true[name].any() for name in true}
    view = max(views, key=lambda view: int(wrong[view.name]))
    return filled(view.image(), shown[view.name], true[view.name])


def filled(image: np.ndarray, found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The photograph, grey, with masks (H,W) bool: `found` filled with amber, `true` outlined in white, two pixels."""
    grey = np.repeat(0.8 * image.astype(np.float32).mean(2, keepdims=True), 3, axis=2)
    picture = np.where(found[..., None], 0.5 * grey + 0.5 * np.array(SELECTED, np.float32), grey)
    line = outlines(true)
    line[1:] |= line[:-1].copy()
    picture[line] = 255.0
    return np.rint(picture).astype(np.uint8)
