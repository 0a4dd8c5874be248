"""A view prepared: Gaussians on screen, and for every tile the list of those that may reach it, front to back.

Alphabet: N Gaussians, E entries of all lists, T tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import warp as wp
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.errors import BackendError
from splatseg.raster.interface import RasterSettings
from splatseg.raster.warp.kernels.projection import TILE, Flat, Lists, Span, View, project, write_entries
from splatseg.raster.warp.runtime import array, launch, sort_pairs


@dataclass(frozen=True, eq=False)
class Prepared:
    """A view prepared for all operations."""

    view: Any
    """Camera and cut-offs, a `View`."""

    flat: Tensor
    """Gaussians on screen, (N,6) as `Flat`; rows of those that are not drawn mean nothing."""

    radii: Tensor
    """Half-extents in pixels, (N,) int32, 0 = not drawn."""

    order: Tensor
    """Gaussians front to back, those not drawn at the end, (N,) int32."""

    ends: Tensor
    """End of each Gaussian's slots, in the order of `order`, (N,) int64: a slot for each tile that it may reach."""

    owners: Tensor
    """Gaussian of each entry, (E,) int32, tile by tile and front to back."""

    slots: Tensor
    """Slot of each entry, (E,) int32: what a tile says of a Gaussian goes there, and is summed from there in order."""

    starts: Tensor
    """Tile t has the entries starts[t]..starts[t+1]; (T+1,) int32."""

    @property
    def tiles(self) -> int:
        """T, the number of tiles."""
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.view.height, self.view.width

    @property
    def lists(self) -> tuple[Any, Any]:
        """View and lists, as a kernel over tiles takes them."""
        lists = Lists()
        lists.flat, lists.starts = array(self.flat, Flat), array(self.starts)
        lists.owners, lists.slots = array(self.owners), array(self.slots)
        return self.view, lists


def view_of(camera: Camera, settings: RasterSettings) -> Any:
    """Return a camera and cut-offs as kernels read them."""
    view = View()
    viewmat = np.asarray(camera.viewmat, dtype=np.float32)
    view.rotation, view.translation = wp.mat33(viewmat[:3, :3]), wp.vec3(viewmat[:3, 3])
    view.fx, view.fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    view.cx, view.cy = float(camera.K[0, 2]), float(camera.K[1, 2])
    view.width, view.height = camera.width, camera.height
    view.tiles_x, view.tiles_y = -(-camera.width // TILE), -(-camera.height // TILE)
    view.near, view.eps2d, view.margin = settings.near, settings.eps2d, settings.frustum_margin
    view.alpha_min, view.alpha_max = settings.alpha_min, settings.alpha_max
    view.transmittance_min = settings.transmittance_min
    return view


def prepare_view(geometry: list[Tensor], offset: Tensor | None, view: Any) -> Prepared:
    """Project and sort Gaussians, and write the lists of all tiles.

    geometry: means (N,3), quats (N,4), scales (N,3), opacities (N,), contiguous float32 on one device. Waits for the
    device once, for the number of entries. Raises BackendError for more entries than 31 bits count.
    """
    means, quats, scales, opacities = geometry
    device, count = means.device, len(means)
    flat = means.new_empty(count, 6)
    depths, radii = means.new_empty(count), torch.empty(count, dtype=torch.int32, device=device)
    spans = torch.empty(count, 5, dtype=torch.int32, device=device)
    given = [array(means, wp.vec3), array(quats, wp.vec4), array(scales, wp.vec3), array(opacities)]
    moved = None if offset is None else array(offset, wp.vec2)
    found = [array(flat, Flat), array(depths), array(radii), array(spans, Span)]
    launch(project, count, [view, *given, moved, *found], device)
    # Sorting Gaussians by depth and then the entries by tile alone moves less than entries by both; equals keep their
    # order, so Gaussians of one depth go by index.
    _, order = sort_pairs(depths, torch.arange(count, dtype=torch.int32, device=device))
    ends = spans[order, 4].cumsum(0)
    entries = int(ends[-1]) if count else 0
    if entries >= 2**31:
        raise BackendError(f"{count:,} Gaussians reach {entries:,} tiles of this image, above 2^31: draw it smaller")
    tiles, slots, owners = (torch.empty(entries, dtype=torch.int32, device=device) for _ in range(3))
    read = [array(order), array(flat, Flat), array(spans, Span), array(ends)]
    launch(write_entries, count, [view, *read, *(array(part) for part in (tiles, slots, owners))], device)
    total = int(view.tiles_x * view.tiles_y)
    tiles, slots = sort_pairs(tiles, slots, bits=total.bit_length())
    starts = torch.searchsorted(tiles, torch.arange(total + 1, dtype=torch.int32, device=device)).int()
    return Prepared(view, flat, radii, order, ends, owners[slots], slots, starts)
