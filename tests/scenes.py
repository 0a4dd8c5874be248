"""The one scene factory of the tests: small scenes, each made to show one law or one danger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.masks.segments import Segments, from_masks
from splatseg.raster.interface import rasterize
from splatseg.splats.splats import Splats


@dataclass(frozen=True)
class Scene:
    """Geometry with features and the camera that sees it, in the argument order of `rasterize`."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    features: Tensor
    camera: Camera

    @property
    def geometry(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.quats, self.scales, self.opacities


def camera(width: int = 24, height: int = 16, focal: float = 20.0) -> Camera:
    """At the origin, looking along +z."""
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return Camera(np.eye(4), K, width, height)


def cloud(
    count: int = 30,
    channels: int = 3,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    size: float = 0.08,
    view: Camera | None = None,
) -> Scene:
    """Random Gaussians in front of the camera, of all opacities, some leaving the image."""
    rng = np.random.default_rng(seed)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=dtype)

    depth = rng.uniform(2.0, 4.0, count)
    means = np.stack([rng.normal(0, 0.25, count) * depth, rng.normal(0, 0.2, count) * depth, depth], -1)
    return Scene(
        tensor(means),
        tensor(rng.normal(size=(count, 4))),
        tensor(size * rng.lognormal(0.0, 0.5, (count, 3))),
        tensor(rng.uniform(0.02, 1.0, count)),
        tensor(rng.normal(size=(count, channels))),
        view or camera(),
    )


def ring(count: int = 6, radius: float = 3.0, width: int = 36, height: int = 24, focal: float = 30.0) -> list[Camera]:
    """Cameras on a circle around the origin in the plane y = 0, looking at it; -y is up."""
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    cameras = []
    for angle in np.linspace(0.0, 2.0 * np.pi, count, endpoint=False):
        forward = np.array([-np.sin(angle), 0.0, -np.cos(angle)])
        rotation = np.stack([np.cross([0.0, 1.0, 0.0], forward), [0.0, 1.0, 0.0], forward])
        viewmat = np.eye(4)
        viewmat[:3, :3], viewmat[:3, 3] = rotation, rotation @ (radius * forward)
        cameras.append(Camera(viewmat, K, width, height))
    return cameras


def things(
    centres: tuple[tuple[float, float, float], ...] = ((-0.7, 0.0, 0.0), (0.7, 0.0, 0.0), (0.0, -0.5, 0.0)),
    each: int = 40,
    size: float = 0.3,
    seed: int = 0,
) -> tuple[Splats, np.ndarray]:
    """Opaque balls of Gaussians around the origin, apart from one another, and the thing (N,) 1, 2, ... of each."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(centres) * each, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    thing = np.repeat(np.arange(1, len(centres) + 1), each)
    means = np.array(centres)[thing - 1] + size * directions
    count = len(means)
    splats = Splats(
        means=torch.tensor(means, dtype=torch.float32),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        log_scales=torch.full((count, 3), float(np.log(0.3 * size))),
        opacity_logits=torch.full((count,), 4.0),
        sh0=torch.zeros(count, 3),
        shN=torch.zeros(count, 0, 3),
    )
    return splats, thing


@dataclass(frozen=True)
class MaskedView:
    """A view without a photograph."""

    name: str
    camera: Camera


@dataclass(frozen=True)
class GivenMasks:
    """What a `MaskStore` does, for segments by name of the view."""

    segments: dict[str, Segments]

    def read(self, view: MaskedView) -> Segments | None:
        return self.segments.get(view.name)


@dataclass(frozen=True)
class MaskedThings:
    """The three `things`, seen from all around; `label` (N,) the thing of each Gaussian; masks by name of the view."""

    splats: Splats
    label: np.ndarray
    views: tuple[MaskedView, ...]
    masks: dict[str, Segments]

    def read(self, view: MaskedView) -> Segments | None:
        """What a `MaskStore` does."""
        return self.masks.get(view.name)


def masked_things(masks_of: Callable[[int, np.ndarray], list[np.ndarray]], views: int = 8) -> MaskedThings:
    """masks_of(view, parts (H,W)) gives the masks of a view; parts are 3 * thing - 2, - 1 or - 0, the upper, middle and
    lower third of it, 0 = nothing there."""
    splats, thing = things(each=120)
    part = torch.from_numpy(3 * thing - 2 + thirds(splats, thing))
    seen, masks = [], {}
    for index, view in enumerate(ring(views, width=72, height=48, focal=60.0)):
        one_hot = torch.nn.functional.one_hot(part).float()
        raster = rasterize(splats.means, splats.quats, splats.scales, splats.opacities, one_hot, view)
        parts = np.where(raster.alphas > 0.5, raster.features.argmax(-1), 0)
        seen.append(MaskedView(f"{index}.png", view))
        found = masks_of(index, parts)
        if found:
            masks[seen[-1].name] = from_masks(np.stack(found))
    return MaskedThings(splats, thing, tuple(seen), masks)


def thirds(splats: Splats, thing: np.ndarray) -> np.ndarray:
    """(N,) 0, 1, 2: in which third of its thing, from top to bottom, a Gaussian lies."""
    height = splats.means[:, 1].numpy() - np.array([0.0, 0.0, -0.5])[thing - 1]
    return np.digitize(height, [-0.1, 0.1])


def whole_masks(index: int, parts: np.ndarray) -> list[np.ndarray]:
    """Every thing whole, in every view."""
    del index
    return [(parts + 2) // 3 == thing for thing in (1, 2, 3)]


def broken_masks(index: int, parts: np.ndarray) -> list[np.ndarray]:
    """Whole, but in every fourth view the first thing is broken in three, and in one the others are merged."""
    whole = whole_masks(index, parts)
    if index % 4 == 1:
        return [parts == 1, parts == 2, parts == 3, *whole[1:]]
    return [whole[0], whole[1] | whole[2]] if index == 3 else whole


def nested_masks(index: int, parts: np.ndarray) -> list[np.ndarray]:
    """Every thing whole, and its thirds beside it."""
    return [*whole_masks(index, parts), *[parts == part for part in range(1, 10)]]


def colorful_splats(count: int = 300, degree: int = 3, seed: int = 0) -> Splats:
    """Splats as files hold them: all colours within 0..1, harmonics, features, three segments and none, an extra."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return Splats(
        means=random(count, 3),
        quats=torch.nn.functional.normalize(random(count, 4), dim=1),
        log_scales=0.5 * random(count, 3) - 3,
        opacity_logits=random(count),
        sh0=random(count, 3).clamp(-1.7, 1.7),
        shN=(0.2 * random(count, (degree + 1) ** 2 - 1, 3)).clamp(-0.9, 0.9),
        features=random(count, 5),
        segment_ids=(torch.arange(count) % 4).int(),
        extras={"heat": np.arange(count, dtype=np.float32)},
    )


def covariances(splats: Splats) -> Tensor:
    """(N,3,3), what orientations and scales mean together; two orientations can mean the same."""
    w, x, y, z = torch.nn.functional.normalize(splats.quats, dim=1).T
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    ]
    axes = torch.stack(rows, 1) * splats.scales[:, None]
    return axes @ axes.transpose(1, 2)


def assert_alike(found: Splats, expected: Splats, means: float, harmonics: float | None, scale: float = 0.01) -> None:
    """Two splats are the same Gaussians in the same order, within a format's steps: of positions (world units), of
    harmonics (None: there are none), and of scales (a share); colours and opacities within a step of 8 bits."""
    assert len(found) == len(expected)
    torch.testing.assert_close(found.means, expected.means, atol=means, rtol=0)
    torch.testing.assert_close(found.sh0, expected.sh0, atol=1 / 255 / 0.2820948, rtol=0)
    torch.testing.assert_close(found.opacities, expected.opacities, atol=1 / 255, rtol=0)
    torch.testing.assert_close(found.log_scales, expected.log_scales, atol=scale, rtol=0)
    largest = expected.scales.max(1).values.square()[:, None, None]
    wrong = (covariances(found) - covariances(expected)) / largest
    assert wrong.abs().max() < 4 * scale + 0.02
    if harmonics is None:
        assert found.sh_degree == 0
    else:
        torch.testing.assert_close(found.shN, expected.shN, atol=harmonics, rtol=0)
