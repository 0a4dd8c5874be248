"""Colour correction of photographs: held-out views of the same fit without, as decided, and always corrected.

    python benchmarks/bench_color.py CAPTURE[=DOWNSCALE] ... [--iterations 600] [--seeds 1] [--drift 0.1]
        [--pictures DIR]

Fits of one capture and seed follow one another, mode by mode, so a disturbance of the machine falls on all of them.

    PSNR             dB of the held-out views, rendered as they are: their photographs may be brighter than the splat
    colours fitted   the same after each half of a picture has the affine map that fits its other half best
    strength         factor of the corrections; `auto` decides on it, 0 for none

--drift makes photographs of every capture drift: light times exp(drift * n), each channel times exp(drift / 2 * n), n
normal; so a capture whose photographs agree shows what a correction is worth. --pictures writes each held-out
photograph beside its render.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View
from splatseg.evaluate.images import ImageScore, score_image
from splatseg.files import write_png
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.settings import ColorMode, TrainSettings
from splatseg.train.task import StepReport


@dataclasses.dataclass(frozen=True, eq=False)
class Drifted(View):
    """A view whose photograph is brighter by a factor for each channel."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def image(self) -> np.ndarray:
        return np.clip(np.rint(super().image() * np.array(self.gain)), 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--drift", type=float, default=0.0)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    print("| capture | views | held out | seed | correction | strength | PSNR | colours fitted | s |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for text in arguments.captures:
        path, _, downscale = text.partition("=")
        capture = _drifted(load_capture(Path(path), downscale=int(downscale or 1)), arguments.drift)
        counts = f"{len(capture.split('train'))} | {len(capture.split('test'))}"
        for seed in range(arguments.seeds):
            for mode in get_args(ColorMode):
                splats, strength, seconds = _fitted(capture, arguments.iterations, seed, mode)
                scores = [_scored(splats, view, arguments.pictures, mode) for view in capture.split("test")]
                plain, fitted = np.mean([(score.psnr, score.psnr_colors_fitted) for score in scores], axis=0)
                row = f"{Path(path).name} | {counts} | {seed} | {mode} | {strength:.2f} | {plain:.2f} | {fitted:.2f}"
                print(f"| {row} | {seconds:.0f} |", flush=True)


def _drifted(capture: Capture, drift: float) -> Capture:
    if drift == 0.0:
        return capture
    rng = np.random.default_rng(0)
    gains = {view.photograph: np.exp(drift * rng.normal() + drift / 2 * rng.normal(size=3)) for view in capture.views}
    fields = [field.name for field in dataclasses.fields(View)]
    views = [
        Drifted(**{name: getattr(view, name) for name in fields}, gain=tuple(gains[view.photograph]))
        for view in capture.views
    ]
    return dataclasses.replace(capture, views=tuple(views))


def _fitted(capture: Capture, iterations: int, seed: int, mode: ColorMode) -> tuple[Splats, float, float]:
    settings = dataclasses.replace(TrainSettings().scaled(iterations), seed=seed, color_correction=mode)
    reports: list[StepReport] = []
    splats = fit_splats(capture, settings, on_step=reports.append)
    return splats, reports[-1].color_strength or 0.0, reports[-1].seconds


@torch.no_grad()
def _scored(splats: Splats, view: View, pictures: Path | None, mode: str) -> ImageScore:
    render, photograph = to_uint8(render_rgb(splats, view.camera)), view.image()
    if pictures is not None:
        write_png(pictures / f"{Path(view.name).stem}-{mode}.png", np.concatenate([photograph, render], axis=1))
    return score_image(view.name, render, photograph, view.ignored(), fit_colors=True)


if __name__ == "__main__":
    main()
