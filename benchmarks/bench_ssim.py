"""Time L1 + SSIM with its gradient: the native pass against the plain form in torch.

python benchmarks/bench_ssim.py [--width 640] [--height 480] [--threads 2] [--repeats 20] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from harness import conditions, measure, print_table
from torch import Tensor

from splatseg.raster import ssim as native
from splatseg.train.losses import plain_photometric_loss


def with_gradient(loss: Callable[[Tensor], Tensor], image: Tensor) -> Callable[[], object]:
    """The loss and its gradient by the image."""

    def run() -> object:
        leaf = image.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf), leaf)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(0)
    image, target = (torch.rand(args.height, args.width, 3, generator=generator) for _ in range(2))
    times = measure(
        {
            "native": with_gradient(lambda x: native.photometric_loss(x, target)[0], image),
            "torch": with_gradient(lambda x: plain_photometric_loss(x, target, 0.2), image),
        },
        args.repeats,
    )
    facts = {"width": args.width, "height": args.height, **conditions(args.threads)}
    if args.json:
        print(json.dumps({**times, **facts}))
    else:
        print_table(f"L1 + SSIM with gradient, {facts}", times)


if __name__ == "__main__":
    main()
