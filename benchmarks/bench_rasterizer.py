"""Time the rasteriser on one scene: milliseconds, minimum and median.

    python benchmarks/bench_rasterizer.py --scene garden.npz --scale 1 --threads 2 [--view 0] [--repeats 20] [--json]

The scene is an .npz (benchmarks/harness.py). `--scale 2` doubles the image. Every figure is a whole call through
`splatseg.raster`, projection to result. `cpu_ms` is process CPU time of the fastest call, all threads together: it
hardly changes when the machine is busy with other things.

`forward_C` blends C channels; `forward_backward_C` adds the gradients of everything; `forward_feature_gradient_16`
adds those of the features only; `sparse_8192` is forward and feature gradient at 8192 pixels on a prepared plan.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable

import torch
from harness import Scene, arguments, conditions, measure, print_table

from splatseg.raster.interface import prepare, rasterize, rasterize_pixels

PROTOTYPE_PEAK = 263
# A throw-away C++ prototype, AVX-512 on an EPYC Zen5 at 4.1 GHz; (scale, threads) -> ms, view 0 of the garden scene.
PROTOTYPE = {
    "forward_19": {(1, 1): 20.3, (1, 2): 11.2, (2, 1): 57.2, (2, 2): 29.7},
    "forward_feature_gradient_16": {(1, 1): 31.7, (1, 2): 16.7, (2, 1): 87.0, (2, 2): 48.2},
    "forward_backward_19": {(1, 1): 57.6, (1, 2): 30.7, (2, 1): 163.0, (2, 2): 85.3},
    "sparse_8192": {(1, 1): 6.4, (1, 2): 4.6, (2, 1): 9.2, (2, 2): 4.6},
}


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


def main() -> None:
    args = arguments(__doc__).parse_args()
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
    where = conditions(args.threads)
    size = {"width": scene.camera.width, "height": scene.camera.height, "gaussians": scene.count}
    if args.json:
        print(json.dumps({**times, **where, "machine": platform.machine(), **size}))
        return
    for name, row in times.items():
        if (args.scale, args.threads) in PROTOTYPE.get(name, {}):
            row["prototype"] = PROTOTYPE[name][args.scale, args.threads]
    title = (
        f"{size['width']}x{size['height']}, {args.threads} threads, {where['simd']}, peak {where['peak_gflops']} GF/s"
    )
    print_table(title + f" (prototype: {PROTOTYPE_PEAK * args.threads})", times, "prototype")


if __name__ == "__main__":
    main()
