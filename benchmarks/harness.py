"""What the benchmarks of the rasteriser share: the scene, interleaved timing, the line that tells the conditions."""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from splatseg import _native
from splatseg.cameras.camera import Camera


class Scene:
    """The geometry as tensors, a camera, and 19 channels (3 of colour, 16 of features).

    The file is an .npz with means (N,3), quats (N,4), scales (N,3), opacities (N,), colors (N,3), feats (N,16),
    viewmats (V,4,4), Ks (V,3,3), width, height. `scale` multiplies the size of the image.
    """

    def __init__(self, path: Path, view: int, scale: float) -> None:
        data = np.load(path)
        self.geometry = [torch.from_numpy(data[k].copy()) for k in ("means", "quats", "scales", "opacities")]
        self.channels = torch.from_numpy(np.concatenate([data["colors"], data["feats"]], axis=1))
        K = np.diag([scale, scale, 1.0]) @ data["Ks"][view]
        width, height = round(int(data["width"]) * scale), round(int(data["height"]) * scale)
        self.camera = Camera(data["viewmats"][view], K, width, height)

    @property
    def count(self) -> int:
        """Number of Gaussians."""
        return len(self.geometry[0])

    def features(self, count: int) -> Tensor:
        """(N, count): colours first, but 16 are the features alone; more than 19 repeat."""
        if count == 16:
            return self.channels[:, 3:].contiguous()
        repeats = -(-count // self.channels.shape[1])
        return self.channels.repeat(1, repeats)[:, :count].contiguous()

    def tiled(self, count: int) -> Scene:
        """`count` Gaussians: copies side by side, each smaller, so that the same picture is made of more of them.

        A copy is displaced by a random part of its Gaussian's own extent and shrunk so that the area stays the same.
        """
        generator = torch.Generator().manual_seed(0)
        means, quats, scales, opacities = self.geometry
        shrink = min(1.0, (self.count / count) ** (1 / 3))
        rows = torch.arange(count) % self.count
        offsets = torch.randn(count, 3, generator=generator) * scales[rows] * (count > self.count)
        copy = object.__new__(Scene)
        copy.geometry = [means[rows] + offsets, quats[rows], scales[rows] * shrink, opacities[rows]]
        copy.channels, copy.camera = self.channels[rows], self.camera
        return copy


def arguments(description: str | None, repeats: int = 20) -> argparse.ArgumentParser:
    """The options that all of them have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--view", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--json", action="store_true")
    return parser


def measure(operations: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds by name: min, median and spread (quartiles' distance) of the wall time; cpu_ms, the least process
    time. Interleaved, so that a disturbance of the machine falls on all of them alike."""
    walls: dict[str, list[float]] = {name: [] for name in operations}
    cpus: dict[str, list[float]] = {name: [] for name in operations}
    for round_ in range(repeats + 2):
        for name, operation in operations.items():
            wall, cpu = time.perf_counter(), time.process_time()
            operation()
            if round_ >= 2:  # the first two warm caches and scratch memory
                walls[name].append(1e3 * (time.perf_counter() - wall))
                cpus[name].append(1e3 * (time.process_time() - cpu))
    return {
        name: {
            "min": round(min(walls[name]), 3),
            "median": round(statistics.median(walls[name]), 3),
            "spread": round(float(np.subtract(*np.percentile(walls[name], [75, 25]))), 3),
            "cpu_ms": round(min(cpus[name]), 3),
        }
        for name in operations
    }


def conditions(threads: int) -> dict[str, object]:
    """Threads, SIMD level, and the peak of the processor at it."""
    peak = round(_native.peak_gflops(threads), 1)
    return {"threads": threads, "simd": _native.simd_level(), "peak_gflops": peak}


def peak_memory_mb() -> float:
    """Most memory the process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_table(title: str, rows: dict[str, dict[str, float]], extra: str = "") -> None:
    """Rows of `measure`; `extra` names one more number that rows may have."""
    print(title)
    print(f"{'ms':34}{'min':>9}{'median':>9}{'spread':>9}{'cpu':>9}{extra:>16}")
    for name, row in rows.items():
        last = f"{row[extra]:16.2f}" if extra in row else ""
        print(f"{name:34}{row['min']:9.2f}{row['median']:9.2f}{row['spread']:9.2f}{row['cpu_ms']:9.2f}{last}")


def deepest_pixel(mask: np.ndarray) -> tuple[float, float]:
    """(x, y) of the pixel of a mask (H,W) that lies farthest from its edge: where a person would click."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x), float(y)


def deepest_pixels(mask: np.ndarray, count: int) -> list[tuple[float, float]]:
    """Up to `count` places of a mask (H,W) bool far from its edge and from one another, (x, y), the deepest first."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    places: list[tuple[float, float]] = []
    while len(places) < count and depth.max() > 0:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        places.append((float(x), float(y)))
        reach = np.hypot(rows - y, columns - x)
        depth = np.where(reach <= 1.5 * depth[y, x], 0.0, depth)
    return places
