"""Random scenes for laws that must hold of every scene: Gaussians anywhere and of any size, masks of every kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scenes import MaskedView

from splatseg.cameras.camera import Camera
from splatseg.masks.segments import Segments, from_label_map, from_masks, together
from splatseg.splats.splats import Splats


@dataclass(frozen=True)
class MaskedScene:
    """A splat, and views that have masks or none; it reads the masks as a `MaskStore` does."""

    splats: Splats
    views: tuple[MaskedView, ...]
    masks: dict[str, Segments]

    def read(self, view: MaskedView) -> Segments | None:
        return self.masks.get(view.name)


def random_scene(seed: int, count: int = 300, views: int = 5) -> MaskedScene:
    """Gaussians in and around cameras, some behind, some huge, some not finite; equal depths; views of all kinds."""
    rng = np.random.default_rng(seed)
    splats = random_splats(rng, count)
    seen = tuple(MaskedView(f"{index}.png", random_camera(rng)) for index in range(views))
    masks = {view.name: random_masks(rng, view.camera) for view in seen[1:]}  # the first has none
    return MaskedScene(splats, seen, masks)


def random_splats(rng: np.random.Generator, count: int) -> Splats:
    """Gaussians of which neighbours in the file are mostly neighbours in space; the same ones again, in other rows."""
    means = rng.uniform(-3.0, 3.0, (count, 3))
    means = means[np.lexsort(np.round(means).T)]
    means[rng.random(count) < 0.05] *= 100.0
    log_scales = rng.normal(-2.5, 1.0, (count, 3))
    log_scales[rng.random(count) < 0.02] = 2.0
    quats, opacities = rng.normal(size=(count, 4)), rng.normal(1.0, 3.0, count)
    copies = rng.random(count) < 0.2  # of the Gaussian before: the same depth
    for values in (means, log_scales, quats):
        values[1:][copies[1:]] = values[:-1][copies[1:]]
    means[rng.random(count) < 0.01] = np.nan
    log_scales[rng.random(count) < 0.01] = np.inf
    quats[rng.random(count) < 0.01] = 0.0
    tensors = [torch.tensor(values, dtype=torch.float32) for values in (means, quats, log_scales, opacities)]
    return Splats(*tensors, sh0=torch.zeros(count, 3), shN=torch.zeros(count, 0, 3))


def random_camera(rng: np.random.Generator) -> Camera:
    """Inside the cloud or before it, looking anywhere; its principal point may lie outside its picture."""
    width, height = int(rng.integers(20, 90)), int(rng.integers(20, 70))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    centre = np.array([width, height]) * rng.uniform(-0.2, 1.2, 2)
    focal = rng.uniform(10.0, 150.0, 2)
    K = np.array([[focal[0], 0.0, centre[0]], [0.0, focal[1], centre[1]], [0.0, 0.0, 1.0]])
    return Camera.placed(rotation, rng.normal(0.0, rng.choice([0.5, 3.0]), 3), K, width, height)


def random_masks(rng: np.random.Generator, camera: Camera) -> Segments:
    """One of: none, a label map, overlapping masks, two sources of which one counts more, true masks; some ignored."""
    shape = (camera.height, camera.width)

    def map_of_labels() -> Segments:
        return from_label_map(
            rng.integers(0, 5, (-(-shape[0] // 8), -(-shape[1] // 8)))
            .repeat(8, 0)
            .repeat(8, 1)[: shape[0], : shape[1]]
            .astype(np.int32)
        )

    def boxes() -> Segments:
        masks = np.zeros((4, *shape), bool)
        for mask in masks:
            y, x = (int(rng.integers(side)) for side in shape)
            mask[y : y + shape[0] // 2 + 1, x : x + shape[1] // 2 + 1] = True
        return from_masks(masks)

    kind = rng.choice(["empty", "labels", "boxes", "sources", "true"])
    found = {
        "empty": lambda: from_label_map(np.zeros(shape, np.int32)),
        "labels": map_of_labels,
        "boxes": boxes,
        "sources": lambda: together([map_of_labels(), boxes()], [1.0, 3.0]),
        "true": lambda: together([map_of_labels()], [np.inf]),
    }[kind]()
    return found.without(rng.random(shape) < 0.1) if rng.random() < 0.5 else found
