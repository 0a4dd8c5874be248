"""Masks and label maps rendered from Gaussians."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import camera, cloud

from splatseg.cameras.camera import Camera
from splatseg.errors import RunError
from splatseg.raster.interface import rasterize
from splatseg.render import label_maps as render_masks
from splatseg.render.label_maps import label_map, selection_mask, selection_weights, write_label_map, write_mask
from splatseg.splats.splats import Splats


def splats_of(count: int = 60, segments: int = 5, seed: int = 0, size: float = 0.15) -> Splats:
    scene = cloud(count, seed=seed, size=size)
    ids = torch.randint(0, segments + 1, (count,), generator=torch.Generator().manual_seed(seed), dtype=torch.int32)
    logits = torch.logit(scene.opacities.clamp(1e-4, 1 - 1e-4))
    return Splats(
        scene.means,
        scene.quats,
        scene.scales.log(),
        logits,
        scene.features,
        scene.means.new_zeros(count, 0, 3),
        segment_ids=ids,
    )


def wall(z: float, opacity: float, segment: int) -> Splats:
    """One Gaussian wider than the picture."""
    return Splats(
        torch.tensor([[0.0, 0.0, z]]),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.full((1, 3), 3.0),
        torch.logit(torch.tensor([opacity])),
        torch.zeros(1, 3),
        torch.zeros(1, 0, 3),
        segment_ids=torch.tensor([segment], dtype=torch.int32),
    )


def joined(*parts: Splats) -> Splats:
    fields = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "segment_ids")
    return Splats(**{name: torch.cat([getattr(part, name) for part in parts]) for name in fields})


def brute_force(splats: Splats) -> np.ndarray:
    """All ids blended at once, none with what light is left, and the largest taken."""
    ids = splats.segment_ids
    assert ids is not None
    one_hot = torch.nn.functional.one_hot(ids.long()).float()
    raster = rasterize(splats.means, splats.quats, splats.scales, splats.opacities, one_hot, camera())
    weights = raster.features.clone()
    weights[..., 0] += 1 - raster.alphas
    return weights.argmax(-1).numpy()


@pytest.mark.parametrize("segments", [1, 5, 40])
def test_a_label_map_is_the_argmax_over_all_segments(segments: int) -> None:
    splats = splats_of(80, segments, seed=segments, size=0.05)
    labels = label_map(splats, camera())
    assert labels.dtype == np.int32
    assert np.array_equal(labels, brute_force(splats))
    assert (labels > 0).any()


def test_what_is_in_front_wins() -> None:
    near, far = wall(2.0, 0.9, 3), wall(4.0, 0.9, 8)
    assert (label_map(joined(near, far), camera()) == 3).all()
    assert (label_map(joined(far, near), camera()) == 3).all()


def test_what_light_passes_through_is_none() -> None:
    assert (label_map(wall(2.0, 0.4, 3), camera()) == 0).all()
    assert not selection_mask(wall(2.0, 0.4, 3), camera(), torch.tensor([True])).any()
    assert selection_mask(wall(2.0, 0.6, 3), camera(), torch.tensor([True])).all()


def test_gaussians_without_a_segment_hide_what_is_behind_them() -> None:
    assert (label_map(joined(wall(2.0, 0.9, 0), wall(4.0, 0.9, 3)), camera()) == 0).all()


def test_several_gaussians_of_one_segment_count_together() -> None:
    # 0.4 of segment 2 in front, then 0.3 + 0.21 of segment 5: more, though no Gaussian of it is the strongest.
    scene = joined(wall(2.0, 0.4, 2), wall(3.0, 0.5, 5), wall(4.0, 0.7, 5))
    assert (label_map(scene, camera()) == 5).all()


def test_a_splat_seen_by_nobody_is_none_everywhere() -> None:
    assert not label_map(wall(-2.0, 0.9, 3), camera()).any()


@pytest.mark.parametrize("segment", [60_000, 2**31 - 1])
def test_large_ids_are_kept(segment: int) -> None:
    assert (label_map(wall(2.0, 0.9, segment), camera()) == segment).all()


def test_a_selection_and_its_complement_share_the_light() -> None:
    splats = splats_of()
    members = splats.segment_ids == 2
    both = selection_weights(splats, camera(), members) + selection_weights(splats, camera(), ~members)
    assert np.allclose(both, selection_weights(splats, camera(), np.ones(len(splats), bool)), atol=1e-5)
    overlap = selection_mask(splats, camera(), members) & selection_mask(splats, camera(), ~members)
    assert not overlap.any()


def test_members_of_another_splat_are_refused() -> None:
    with pytest.raises(ValueError, match="members must have shape"):
        selection_mask(splats_of(), camera(), torch.ones(3, dtype=torch.bool))


def test_a_splat_without_segments_says_how_to_make_them() -> None:
    with pytest.raises(RunError, match="make them with `splatseg segment RUN`"):
        label_map(splats_of().replace(segment_ids=None), camera())


def test_a_label_map_survives_its_png(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 255], [256, 40_000, 65_535]], np.int32)
    write_label_map(tmp_path / "left" / "0.0.png", labels)
    with Image.open(tmp_path / "left" / "0.0.png") as image:
        assert image.mode.startswith("I;16")
        assert np.array_equal(np.asarray(image), labels)


def test_an_id_too_large_for_a_png_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="segment 65536 does not fit"):
        write_label_map(tmp_path / "a.png", np.array([[65_536]], np.int32))
    assert not list(tmp_path.iterdir())


def test_a_thousand_segments_keep_their_ids_in_every_picture(tmp_path: Path) -> None:
    # One opaque ball in every cell of a grid of 40 x 25, ids far apart and beyond 8 bits.
    view = camera(width=160, height=100, focal=100.0)
    x, y = np.meshgrid((np.arange(40) - 19.5) * 0.08, (np.arange(25) - 12.0) * 0.08)
    means = torch.tensor(np.stack([x.ravel(), y.ravel(), np.full(1000, 2.0)], 1), dtype=torch.float32)
    ids = torch.arange(1, 1001, dtype=torch.int32) * 65
    splats = Splats(
        means,
        torch.tensor([[1.0, 0, 0, 0]]).repeat(1000, 1),
        torch.full((1000, 3), -4.2),
        torch.full((1000,), 6.0),
        torch.zeros(1000, 3),
        torch.zeros(1000, 0, 3),
        segment_ids=ids,
    )
    for supersample in (1, 2):
        labels = label_map(splats, view, supersample)
        assert set(np.unique(labels)) == {0, *ids.tolist()}
        centres = np.floor(view.project(means.numpy())[0]).astype(int)
        assert np.array_equal(labels[centres[:, 1], centres[:, 0]], ids)
    assert np.array_equal(labels[labels > 0], brute_force_ids(splats, view, labels))
    write_label_map(tmp_path / "a.png", labels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), labels)
    coverages = dict(render_masks.segment_coverages(splats, view, [0, *ids.tolist()], 1))
    assert np.array_equal(sum(coverages.values()), np.ones_like(labels))
    assert all(coverages[segment_id].any() for segment_id in ids.tolist())


def brute_force_ids(splats: Splats, view: Camera, labels: np.ndarray) -> np.ndarray:
    """For the labelled pixels, the id of the nearest ball."""
    pixels = np.argwhere(labels > 0)[:, ::-1] + 0.5
    centres = view.project(splats.means.numpy())[0]
    assert splats.segment_ids is not None
    return splats.segment_ids.numpy()[((pixels[:, None] - centres[None]) ** 2).sum(-1).argmin(1)]


def test_a_mask_is_0_and_255(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", np.array([[True, False]]))
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[255, 0]]


def test_a_coverage_is_written_in_256_greys_that_never_fall(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", np.linspace(0, 1, 1000, dtype=np.float32)[None])
    with Image.open(tmp_path / "a.png") as image:
        greys = np.asarray(image)[0].astype(int)
    assert greys[0] == 0 and greys[-1] == 255
    assert set(np.diff(greys)) == {0, 1}
