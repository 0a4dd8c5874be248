"""Time the rasteriser on one scene: milliseconds, minimum and median.

    python benchmarks/bench_rasterizer.py --scene garden.npz --scale 1 --threads 2 [--view 0] [--repeats 30] [--json]

The scene is an .npz with means (N,3), quats (N,4), scales (N,3), opacities (N,), colors (N,3), feats (N,16),
viewmats (V,4,4), Ks (V,3,3), width, height. `--scale 2` doubles the image. Every figure is a whole call through
`splatseg.raster`, projection to result. `cpu_ms` is process CPU time of the fastest call, all threads together: it
hardly changes when the machine is busy with other things.

`forward_C` blends C channels; `forward_backward_C` adds the gradients of everything; `forward_feature_gradient_16`
adds those of the features only; `sparse_8192` is forward and feature gradient at 8192 pixels on a prepared plan.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg import _native
from splatseg.capture.camera import Camera
from splatseg.raster import prepare, rasterize, rasterize_pixels

# A throw-away C++ prototype, AVX-512 on an EPYC Zen5 at 4.1 GHz; (scale, threads) -> ms, view 0 of the garden scene.
PROTOTYPE = {
    "forward_19": {(1, 1): 20.3, (1, 2): 11.2, (2, 1): 57.2, (2, 2): 29.7},
    "forward_feature_gradient_16": {(1, 1): 31.7, (1, 2): 16.7, (2, 1): 87.0, (2, 2): 48.2},
    "forward_backward_19": {(1, 1): 57.6, (1, 2): 30.7, (2, 1): 163.0, (2, 2): 85.3},
    "sparse_8192": {(1, 1): 6.4, (1, 2): 4.6, (2, 1): 9.2, (2, 2): 4.6},
}


class Scene:
    """The geometry as tensors, a camera, and 19 channels (3 of colour, 16 of features)."""

    def __init__(self, path: Path, view: int, scale: int) -> None:
        data = np.load(path)
        self.geometry = [torch.from_numpy(data[k].copy()) for k in ("means", "quats", "scales", "opacities")]
        self.channels = torch.from_numpy(np.concatenate([data["colors"], data["feats"]], axis=1))
        K = np.diag([scale, scale, 1.0]) @ data["Ks"][view]
        self.camera = Camera(data["viewmats"][view], K, int(data["width"]) * scale, int(data["height"]) * scale)

    def features(self, count: int) -> Tensor:
        return (self.channels[:, 3:] if count == 16 else self.channels[:, :count]).contiguous()


def forward(scene: Scene, count: int) -> Callable[[], object]:
    features = scene.features(count)
    return lambda: rasterize(*scene.geometry, features, scene.camera)


def forward_backward(scene: Scene, count: int, everything: bool) -> Callable[[], object]:
    tensors = [t.clone().requires_grad_(everything) for t in scene.geometry]
    features = scene.features(count).clone().requires_grad_()
    weights = torch.randn(scene.camera.height, scene.camera.width, count, generator=torch.Generator().manual_seed(0))
    wanted = [*tensors, features] if everything else [features]

    def step() -> object:
        blended = rasterize(*tensors, features, scene.camera).features
        return torch.autograd.grad(blended, wanted, grad_outputs=weights)

    return step


def sparse(scene: Scene, count: int) -> Callable[[], object]:
    plan = prepare(*scene.geometry, scene.camera)
    features = scene.features(16).clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([scene.camera.width, scene.camera.height])
    pixels = (torch.rand(count, 2, generator=generator) * size).long()
    weights = torch.randn(count, 16, generator=generator)

    def step() -> object:
        return torch.autograd.grad(rasterize_pixels(plan, features, pixels), features, grad_outputs=weights)

    return step


def measure(operations: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Interleaved, so that a disturbance of the machine falls on all of them alike."""
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
            "min": round(min(walls[name]), 2),
            "median": round(statistics.median(walls[name]), 2),
            "cpu_ms": round(min(cpus[name]), 2),
        }
        for name in operations
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--scale", type=int, choices=(1, 2), default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--view", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scene = Scene(args.scene, args.view, args.scale)
    times = measure(
        {
            "forward_3": forward(scene, 3),
            "forward_19": forward(scene, 19),
            "forward_backward_3": forward_backward(scene, 3, everything=True),
            "forward_backward_19": forward_backward(scene, 19, everything=True),
            "forward_feature_gradient_16": forward_backward(scene, 16, everything=False),
            "sparse_8192": sparse(scene, 8192),
        },
        args.repeats,
    )
    if args.json:
        machine = {"threads": args.threads, "simd": _native.simd_level(), "machine": platform.machine()}
        size = {"width": scene.camera.width, "height": scene.camera.height, "gaussians": len(scene.geometry[0])}
        print(json.dumps({**times, **machine, **size}))
        return
    print(f"{scene.camera.width}x{scene.camera.height}, {args.threads} threads, {_native.simd_level()}")
    print(f"{'ms':30}{'min':>8}{'median':>8}{'cpu':>8}{'prototype':>11}")
    for name, row in times.items():
        target = PROTOTYPE.get(name, {}).get((args.scale, args.threads), "")
        print(f"{name:30}{row['min']:8.2f}{row['median']:8.2f}{row['cpu_ms']:8.2f}{target!s:>11}")


if __name__ == "__main__":
    main()
