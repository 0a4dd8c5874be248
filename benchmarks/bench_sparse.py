"""Time sampled pixels on a prepared plan: weights, the two sparse products, and whole calls. Milliseconds.

    python benchmarks/bench_sparse.py --scene garden.npz [--scale 1] [--threads 2] [--pixels 8192] [--json]

`sparse` is forward and feature gradient of 16 channels from a plan; `sparse_kept` the same from kept weights;
`picture` what it would be by blending the whole picture. Below them the parts, without Python's share.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from harness import Scene, arguments, conditions, measure, print_table

from splatseg import _native
from splatseg.raster.interface import contributors, prepare, prepare_pixels, rasterize_pixels, rasterize_plan


def operations(scene: Scene, count: int, threads: int) -> tuple[dict[str, Callable[[], object]], dict[str, object]]:
    """What is timed, and the size of the sparse matrix."""
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([scene.camera.width, scene.camera.height])
    pixels = (torch.rand(count, 2, generator=generator) * size).long()
    weights = torch.randn(count, 16, generator=generator)
    plan = prepare(*scene.geometry, scene.camera)
    kept = prepare_pixels(plan, pixels)
    features = scene.features(16).clone().requires_grad_()
    plain = features.detach()
    matrix = _native.pixel_weights(plan.state, pixels, threads)
    blended, gradient = torch.empty(count, 16), torch.empty_like(plain)

    def picture() -> object:
        blended, _ = rasterize_plan(plan, features)
        return torch.autograd.grad(blended[pixels[:, 1], pixels[:, 0]], features, weights)

    timed: dict[str, Callable[[], object]] = {
        "sparse": lambda: torch.autograd.grad(rasterize_pixels(plan, features, pixels), features, weights),
        "sparse_kept": lambda: torch.autograd.grad(rasterize_pixels(kept, features), features, weights),
        "picture": picture,
        "contributors": lambda: contributors(plan, pixels),
        "  weights": lambda: _native.pixel_weights(plan.state, pixels, threads),
        "  forward product": lambda: _native.sparse_product(matrix, plain, blended, False, threads),
        "  transposed product": lambda: _native.sparse_product(matrix, weights, gradient, True, threads),
    }
    return timed, {"pixels": count, "entries": matrix.entries, "kept_mb": round(kept.size / 1e6, 2)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pixels", type=int, default=8192)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    timed, size = operations(Scene(args.scene, args.view, args.scale), args.pixels, args.threads)
    times = measure(timed, args.repeats)
    facts = {**size, **conditions(args.threads)}
    if args.json:
        print(json.dumps({**times, **facts}))
        return
    print_table(", ".join(f"{key} {value}" for key, value in facts.items()), times)


if __name__ == "__main__":
    main()
