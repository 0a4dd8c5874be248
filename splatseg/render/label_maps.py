"""Masks and label maps of a splat from any camera: per-Gaussian membership and ids, blended into pixels.

Alphabet: N Gaussians, H x W pixels; w_i the blending weights of a pixel, sum_i w_i <= 1; segment ids 1, 2, …, 0 = none.
The light that passes through, 1 - sum_i w_i, counts as none. So a pixel belongs to a selection, or to a segment, by the
same weights that make its colour.

This is a decision, taken at the centre of a pixel. Coverage is its anti-aliased form: the share of a pixel's s x s
samples at which the decision holds (`supersampling` gives their positions). With one sample, coverage is the decision
itself.

Through a lens the weights of a selection are interpolated between the pixels of the faces and then decided; ids, which
cannot be, are decided in the faces and put back (`photographed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, faces_of_camera
from splatseg.errors import RunError
from splatseg.files import write_png
from splatseg.raster.interface import rasterize_labels
from splatseg.render.occurring import occurring
from splatseg.render.photographed import photographed
from splatseg.render.rgb import render_channels
from splatseg.render.supersampling import SUPERSAMPLE, most_frequent, sample_cameras
from splatseg.splats.made_of import as_fact
from splatseg.splats.splats import Splats

MASK_THRESHOLD = 0.5
"""A pixel shows a selection if its members make up more than this share of it: in files, prompts and the viewer."""

HIGHEST_ID = 65535
"""Highest id that a 16-bit PNG can hold."""


@torch.no_grad()
def selection_mask(splats: Splats, camera: AnyCamera, members: Tensor | np.ndarray) -> np.ndarray:
    """Render the mask of a selection: (H,W) bool, for members (N,) bool.

    A pixel is set if the members' blending weights sum to more than MASK_THRESHOLD. Members that are hidden behind
    other Gaussians, or more transparent than that, are not in the mask.
    """
    return photographed(camera, lambda face: selection_weights(splats, face, members), "cubic") > MASK_THRESHOLD


@torch.no_grad()
def selection_weights(splats: Splats, camera: Camera, members: Tensor | np.ndarray) -> np.ndarray:
    """Render the share of each pixel that the selection makes up: (H,W) float32 in 0..1, for members (N,) bool."""
    chosen = torch.as_tensor(members)
    if chosen.shape != (len(splats),):
        raise ValueError(f"members must have shape ({len(splats)},), got {tuple(chosen.shape)}")
    return render_channels(splats, camera, chosen.to(splats.means)[:, None])[..., 0].cpu().numpy()


def selection_coverage(
    splats: Splats, camera: AnyCamera, members: Tensor | np.ndarray, supersample: int = SUPERSAMPLE
) -> np.ndarray:
    """Render the coverage of each pixel by a selection: (H,W) float32 in 0..1, for members (N,) bool.

    The share of supersample^2 samples at which `selection_mask` holds; supersample 1 gives the mask itself.
    """

    def covered(face: Camera) -> np.ndarray:
        total = np.zeros((face.height, face.width), np.float32)
        for sample in sample_cameras(face, supersample):
            total += selection_mask(splats, sample, members)
        return total / supersample**2

    if supersample == 1:
        return selection_mask(splats, camera, members).astype(np.float32)
    return photographed(camera, covered)


def segment_coverages(
    splats: Splats, camera: AnyCamera, ids: Iterable[int], supersample: int = SUPERSAMPLE
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield pairs of a segment id in `ids` and its coverage of each pixel: (H,W) float32 in 0..1; id 0 is none.

    The share of supersample^2 samples whose `label_map` is the id; so all ids and none together cover every pixel once.
    Every sample is rendered once, whatever the number of ids; the coverage of one id is in memory at a time.

    Raises RunError if the splat has no segment ids.
    """
    if supersample == 1:
        decided = label_map(splats, camera)
        yield from ((segment_id, (decided == segment_id).astype(np.float32)) for segment_id in ids)
        return
    sampled = {
        face: np.stack([label_map(splats, sample) for sample in sample_cameras(face, supersample)])
        for face in faces_of_camera(camera)
    }
    seen = {number for samples in sampled.values() for number in np.unique(samples).tolist()}
    for segment_id in ids:
        if segment_id in seen:
            of_id = {face: (samples == segment_id).mean(0, dtype=np.float32) for face, samples in sampled.items()}
            yield segment_id, photographed(camera, of_id.__getitem__)
        else:
            yield segment_id, np.zeros((camera.height, camera.width), np.float32)


def label_map(splats: Splats, camera: AnyCamera, supersample: int = 1) -> np.ndarray:
    """Render the segment that each pixel mostly consists of: (H,W) int32, 0 = none.

    The id with the largest sum of blending weights wins. None competes with the weights of the Gaussians without a
    segment plus the light that passes through, and wins ties. supersample: decide at supersample^2 samples of every
    pixel and take the most frequent id, which draws thin things and edges more faithfully than the centre alone.

    Raises RunError if the splat has no segment ids.
    """

    def labelled(face: Camera) -> np.ndarray:
        samples = [_labels_at_centres(splats, sample) for sample in sample_cameras(face, supersample)]
        return samples[0] if len(samples) == 1 else most_frequent(np.stack(samples))

    return photographed(camera, labelled, "label")


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask (H,W), bool or a coverage in 0..1, as an 8-bit PNG: 0 to 255."""
    write_png(path, np.rint(255 * mask.astype(np.float32)).astype(np.uint8))


def write_label_map(path: Path, labels: np.ndarray, made_of: Mapping[str, str] | None = None) -> None:
    """Write a label map (H,W) as a 16-bit PNG. made_of: digests of the splat that it shows (`splats.made_of`).

    Raises RunError if an id does not fit.
    """
    highest = int(labels.max(initial=0))
    if highest > HIGHEST_ID:
        raise RunError(
            f"segment {highest} does not fit into {path}: a 16-bit label map holds ids up to {HIGHEST_ID}; "
            f"segment the run again with fewer, larger segments"
        )
    if int(labels.min(initial=0)) < 0:
        raise ValueError("segment ids are 1, 2, …, and 0 = none")
    write_png(path, labels.astype(np.uint16), as_fact(made_of))


@torch.no_grad()
def _labels_at_centres(splats: Splats, camera: Camera) -> np.ndarray:
    if splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    splats = splats.in_view(camera)
    assert splats.segment_ids is not None
    # 0, none, is the first of the numbers, whether a Gaussian has it or not.
    ids, numbers = occurring(np.append(splats.segment_ids.cpu().numpy(), np.int32(0)))
    found = rasterize_labels(splats.prepare(camera), torch.from_numpy(numbers[:-1]), len(ids) - 1).numpy()
    labels: np.ndarray = ids.astype(np.int32)[found]
    return labels
