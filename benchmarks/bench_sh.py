"""Time colours from spherical harmonics with the gradient of the coefficients: native against the plain form in torch.

python benchmarks/bench_sh.py [--gaussians 150000] [--degree 3] [--threads 2] [--repeats 20] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from harness import conditions, measure, print_table
from torch import Tensor

from splatseg.splats.colors import native_colors
from splatseg.splats.spherical_harmonics import coefficient_count, evaluate

POSITION = [0.0, 0.0, -4.0]


def plain(means: Tensor, sh0: Tensor, shN: Tensor, degree: int) -> Tensor:
    directions = torch.nn.functional.normalize(means - torch.tensor(POSITION), dim=1)
    return evaluate(sh0, shN, directions, degree).clamp(min=0.0)


def both_ways(colors: Callable[[], Tensor], leaves: list[Tensor], grad: Tensor) -> Callable[[], object]:
    """Values and gradients."""
    wanted = [leaf for leaf in leaves if leaf.numel()]
    return lambda: torch.autograd.grad(colors(), wanted, grad_outputs=grad)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gaussians", type=int, default=150_000)
    parser.add_argument("--degree", type=int, default=3, choices=(0, 1, 2, 3))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator, n, degree = torch.Generator().manual_seed(0), args.gaussians, args.degree
    means, grad = torch.randn(n, 3, generator=generator), torch.randn(n, 3, generator=generator)
    shape = (n, coefficient_count(degree), 3)
    leaves = [torch.rand(n, 3, generator=generator), 0.1 * torch.randn(shape, generator=generator)]
    sh0, shN = (leaf.requires_grad_() for leaf in leaves)
    operations: dict[str, Callable[[], object]] = {
        "native": both_ways(lambda: native_colors(means, sh0, shN, POSITION, degree), [sh0, shN], grad),
        "torch": both_ways(lambda: plain(means, sh0, shN, degree), [sh0, shN], grad),
    }
    with torch.no_grad():
        operations["native, values only"] = lambda: native_colors(means, sh0.detach(), shN.detach(), POSITION, degree)
    times = measure(operations, args.repeats)
    facts = {"gaussians": n, "degree": degree, **conditions(args.threads)}
    if args.json:
        print(json.dumps({**times, **facts}))
    else:
        print_table(f"spherical harmonics, {facts}", times)


if __name__ == "__main__":
    main()
