"""Time one Adam step over all parameters of a splat, beside the time in which its memory can be copied.

    python benchmarks/bench_adam.py [--gaussians 150000] [--features 16] [--threads 2] [--repeats 20] [--json]

A step reads parameter, gradient and two moments and writes three of them: seven passes over 59 floats a Gaussian (SH of
degree 3) and its features. `copy` moves as many bytes. `coast` puts off the steps of features that had no gradient.
"""

from __future__ import annotations

import argparse
import json

import torch
from harness import conditions, measure, print_table

from splatseg.train.optimiser import Optimiser, coast

SHAPES = {"means": (3,), "quats": (4,), "log_scales": (3,), "opacity_logits": (), "sh0": (3,), "shN": (15, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gaussians", type=int, default=150_000)
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shapes = SHAPES | {"features": (args.features,)}
    parameters = {name: torch.randn(args.gaussians, *shape) for name, shape in shapes.items()}
    gradients = {name: torch.randn_like(value) for name, value in parameters.items()}
    optimiser = Optimiser(parameters)
    rates = dict.fromkeys(parameters, 1e-3)
    floats = sum(value.numel() for value in parameters.values())
    source, target = torch.randn(floats * 7 // 2), torch.empty(floats * 7 // 2)
    value, first, second = (torch.randn(args.gaussians, args.features).abs() for _ in range(3))

    def step() -> None:
        for name, parameter in optimiser.parameters.items():
            parameter.grad = gradients[name]
        optimiser.step(rates)

    times = measure(
        {
            "step": step,
            "copy": lambda: target.copy_(source),
            "coast": lambda: coast(value, first, second, steps=100, count=49, rate=1e-3),
        },
        args.repeats,
    )
    facts = {"gaussians": args.gaussians, "floats": floats, **conditions(args.threads)}
    if args.json:
        print(json.dumps({**times, **facts}))
    else:
        print_table(f"Adam, {facts}", times)


if __name__ == "__main__":
    main()
