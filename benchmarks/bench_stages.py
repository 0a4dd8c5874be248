"""Time the rasteriser stage by stage: project, bin, blend, accumulate (feature backward), full backward.

    python benchmarks/bench_stages.py --scene garden.npz [--scale 1] [--threads 2] [--channels 3 16 19] [--json]

`project` is projection and culling, `bin` depth sort and tile lists; the others run on the finished plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import torch
from harness import Scene, arguments, conditions, measure, print_table

from splatseg import _native
from splatseg.raster.interface import prepare, rasterize, rasterize_plan


def stages(scene: Scene, channels: int, plan: _native.Plan, threads: int) -> dict[str, Callable[[], object]]:
    """Blend, accumulate and backward for a number of channels, each alone."""
    features = scene.features(channels)
    raster = rasterize(*scene.geometry, features, scene.camera)
    grad = torch.randn(raster.features.shape, generator=torch.Generator().manual_seed(0))
    grad_alphas = torch.zeros_like(raster.alphas)
    blended, alphas = torch.empty_like(raster.features), torch.empty_like(raster.alphas)
    sums, grad_features = torch.empty_like(features), torch.empty_like(features)
    grads = (*(torch.empty_like(t) for t in scene.geometry), torch.empty(scene.count, 2))
    geometry = (*scene.geometry, None)
    return {
        f"blend_{channels}": lambda: _native.blend(plan, features, blended, alphas, threads),
        f"accumulate_{channels}": lambda: _native.accumulate(plan, grad, sums, threads),
        f"backward_{channels}": lambda: _native.backward(
            plan,
            geometry,
            features,
            raster.features,
            raster.alphas,
            grad,
            grad_alphas,
            grad_features,
            grads,
            None,
            threads,
        ),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[3, 16, 19])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scene = Scene(args.scene, args.view, args.scale)
    plan = prepare(*scene.geometry, scene.camera)
    assert plan.backend == "native", "the native backend is what is timed here"
    operations: dict[str, Callable[[], object]] = {}
    for channels in args.channels:
        operations |= stages(scene, channels, plan.state, args.threads)
    rasterize_plan(plan, scene.features(3))
    made = {"project": [], "bin": []}
    for _ in range(args.repeats + 2):
        state = prepare(*scene.geometry, scene.camera).state
        made["project"].append(state.project_ms)
        made["bin"].append(state.bin_ms)
    times = {
        name: {
            "min": round(min(ms[2:]), 3),
            "median": round(float(np.median(ms[2:])), 3),
            "spread": round(float(np.subtract(*np.percentile(ms[2:], [75, 25]))), 3),
            "cpu_ms": float("nan"),  # timed inside the extension
        }
        for name, ms in made.items()
    }
    times |= measure(operations, args.repeats)
    facts = {"drawn": plan.state.drawn, "entries": plan.state.entries, **conditions(args.threads)}
    if args.json:
        print(json.dumps({**times, **facts}))
        return
    print_table(", ".join(f"{key} {value}" for key, value in facts.items()), times)


if __name__ == "__main__":
    main()
