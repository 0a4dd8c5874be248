"""How time and memory grow: with the number of Gaussians, the pixels, the channels; with the fitted exponents.

    python benchmarks/bench_scaling.py --scene garden.npz [--threads 2] [--repeats 5] [--json]

Gaussians: 100,000 to 5 million, copies of the scene's own, each displaced inside the original's extent and shrunk
(benchmarks/harness.py), at 1296x840 with 3 channels. Pixels: 0.25 to 8 million, 19 channels. Channels: 3 to 64 at
1296x840. Every row runs in a process of its own, so that its peak memory is its own; torch alone holds about 200 MB.
An exponent e says that the time grows as size^e between the smallest and the largest (least squares in logarithms).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import torch
from harness import Scene, arguments, conditions, measure, peak_memory_mb

from splatseg.raster.interface import rasterize

GAUSSIANS = (100_000, 300_000, 1_000_000, 2_000_000, 5_000_000)
MEGAPIXELS = (0.25, 0.5, 1, 2, 4, 8)
CHANNELS = (3, 8, 16, 32, 64)


def operations(scene: Scene, channels: int) -> dict[str, Callable[[], object]]:
    """forward, and forward with full backward"""
    leaves = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features(channels))]

    def both() -> object:
        blended = rasterize(*leaves, scene.camera).features
        return torch.autograd.grad(blended, leaves, grad_outputs=torch.ones_like(blended))

    detached = [t.detach() for t in leaves]
    return {"forward": lambda: rasterize(*detached, scene.camera), "forward_backward": both}


def one(kind: str, size: float, args: argparse.Namespace) -> dict[str, float]:
    """Times and memory of one size; run in a process of its own."""
    full = Scene(args.scene, args.view, 2)
    channels = {"gaussians": 3, "megapixels": 19, "channels": int(size)}[kind]
    if kind == "megapixels":
        pixels = full.camera.width * full.camera.height
        full = Scene(args.scene, args.view, 2 * math.sqrt(size * 1e6 / pixels))
    scene = full.tiled(int(size)) if kind == "gaussians" else full
    times = {}
    for name, operation in operations(scene, channels).items():  # forward first: its memory is told alone
        row = measure({name: operation}, args.repeats)[name]
        times |= {f"{name}_ms": row["min"], f"{name}_median_ms": row["median"], f"{name}_mb": round(peak_memory_mb())}
    return times


def main() -> None:
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--only", nargs=2, metavar=("KIND", "SIZE"), help="one row, as JSON (used by itself)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.only:
        print(json.dumps(one(args.only[0], float(args.only[1]), args)))
        return
    result: dict[str, object] = conditions(args.threads)
    if not args.json:
        print(result)
    for kind, sizes in (("gaussians", GAUSSIANS), ("megapixels", MEGAPIXELS), ("channels", CHANNELS)):
        rows = []
        for size in sizes:
            command = [sys.executable, __file__, "--only", kind, str(size), "--scene", str(args.scene)]
            command += ["--threads", str(args.threads), "--repeats", str(args.repeats)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            rows.append({kind: size, **row})
            if not args.json:
                print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
        sizes_log = np.log([row[kind] for row in rows])
        exponents = {
            name: round(float(np.polyfit(sizes_log, np.log([row[f"{name}_ms"] for row in rows]), 1)[0]), 2)
            for name in ("forward", "forward_backward")
        }
        result[kind] = {"rows": rows, "exponents": exponents}
        if not args.json:
            print(f"{kind}: time grows with exponents {exponents}")
    if args.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
