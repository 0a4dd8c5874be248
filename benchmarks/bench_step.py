"""One photometric training step and its parts: the share of each, and the step beside its rasteriser.

    python benchmarks/bench_step.py --scene garden.npz [--threads 2] [--gaussians 150000] [--json]

A real step of `splatseg.train` on one view: colours from spherical harmonics of degree 3, one rasterisation, L1 and
SSIM, backward with the statistics of growth, and Adam, which makes the gradient of the harmonics from that of the
colours. Its parts are then timed alone on the same data, interleaved with it; `rest` is what is left: activations, the
engine of autograd, the photograph to floats.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import torch
from harness import Scene, arguments, conditions, measure, print_table
from torch import Tensor

from splatseg.capture.view import View
from splatseg.raster.interface import rasterize
from splatseg.splats.activations import to_sh0
from splatseg.splats.colors import SeenColors
from splatseg.train import density
from splatseg.train.fit import one_step, rates
from splatseg.train.losses import photometric_loss
from splatseg.train.optimiser import Optimiser
from splatseg.train.settings import TrainSettings
from splatseg.train.state import PACKED, FitState


def parameters_of(scene: Scene) -> dict[str, Tensor]:
    """The scene as a splat in training has it, with small higher coefficients."""
    means, quats, scales, opacities = scene.geometry
    generator = torch.Generator().manual_seed(0)
    return {
        "means": means,
        "quats": quats,
        "log_scales": scales.log(),
        "opacity_logits": torch.logit(opacities.clamp(1e-4, 1 - 1e-4)),
        "sh0": to_sh0(scene.features(3)),
        "shN": 0.02 * torch.randn(scene.count, 15, 3, generator=generator),
    }


def operations(scene: Scene) -> dict[str, Callable[[], object]]:
    """The step, and each part alone."""
    state = FitState(
        Optimiser(parameters_of(scene), packed=PACKED),
        density.Statistics.empty(torch.zeros(scene.count, 3)),
        step=2_000,
    )
    settings = dataclasses.replace(
        TrainSettings(), iterations=10**6, sh_every=1, coarse_until=0, densify_from=10**6, densify_until=10**6
    )
    camera, generator = scene.camera, torch.Generator().manual_seed(1)
    photograph = (torch.rand(camera.height, camera.width, 3, generator=generator) * 255).to(torch.uint8)
    view, target = View("view", camera), photograph.float() / 255
    frozen = {name: value.detach().clone() for name, value in state.parameters.items()}
    leaves = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features(3))]
    growth = density.Statistics.empty(torch.zeros(scene.count, 3))
    image = rasterize(*leaves, camera).features.detach()
    alone = Optimiser({name: value.clone() for name, value in frozen.items()}, packed=PACKED)
    position = np.asarray(camera.position).tolist()
    seen = SeenColors.of(frozen["means"], frozen["sh0"], frozen["shN"], position, 3)

    def rasterise() -> object:
        blended = rasterize(*leaves, camera, growth=growth).features
        return torch.autograd.grad(blended, leaves, grad_outputs=image)

    def harmonics() -> object:
        return SeenColors.of(frozen["means"], frozen["sh0"], frozen["shN"], position, 3)

    def loss() -> object:
        shown = image.clone().requires_grad_()
        return torch.autograd.grad(photometric_loss(shown, target, settings.ssim_weight), shown)

    def adam() -> None:
        for name, value in alone.parameters.items():
            value.grad = frozen[name] if name not in ("sh0", "shN") else None
        seen.colors.grad = leaves[4].detach()
        alone.step(rates(settings, 1, 1.0, None), seen=seen)

    return {
        "step": lambda: one_step(state, view, photograph, settings, 1.0),
        "rasteriser": rasterise,
        "colours": harmonics,
        "loss": loss,
        "Adam": adam,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--gaussians", type=int, default=150_000)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scene = Scene(args.scene, args.view, args.scale).tiled(args.gaussians)
    times = measure(operations(scene), args.repeats)
    step = times["step"]["min"]
    for row in times.values():
        row["share"] = round(row["min"] / step, 3)
    others = sum(row["min"] for name, row in times.items() if name != "step")
    facts = conditions(args.threads) | {
        "gaussians": scene.count,
        "rest_ms": round(step - others, 2),
        "step_over_rasteriser": round(step / times["rasteriser"]["min"], 3),
    }
    if args.json:
        print(json.dumps({**times, **facts}))
        return
    print_table(f"{scene.camera.width}x{scene.camera.height}, {facts}", times, "share")


if __name__ == "__main__":
    main()
