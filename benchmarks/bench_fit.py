"""Fits with changed settings, one after another: held-out PSNR, processor seconds, Gaussians.

    python benchmarks/bench_fit.py CAPTURE[=DOWNSCALE] ... [--set "NAME=VALUE NAME=VALUE"] ... [--iterations N]
                                   [--seeds 1] [--threads 1]

Every --set is one variant of `TrainSettings`, beside the defaults; with --iterations all of them are scaled to N steps
first. The variants of one capture and seed follow one another, so a disturbance of the machine falls on all of them.
To compare with another commit, run its checkout with the same command in turn.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch
import yaml

from splatseg.capture.capture import Capture, load_capture
from splatseg.evaluate.images import psnr
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar='"NAME=VALUE ..."')
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| capture | seed | settings | PSNR | s of processor | s | Gaussians |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for text in given.captures:
        path, _, downscale = text.partition("=")
        capture = load_capture(Path(path), downscale=int(downscale or 1))
        for seed in range(given.seeds):
            for variant in ["", *given.set]:
                plain = TrainSettings(seed=seed)
                plain = plain if given.iterations is None else plain.scaled(given.iterations)
                settings = dataclasses.replace(plain, **changes(variant))
                processor, wall = time.process_time(), time.perf_counter()
                splats = fit_splats(capture, settings)
                processor, wall = time.process_time() - processor, time.perf_counter() - wall
                cells = [text, str(seed), variant or "as they are", f"{held_out_psnr(splats, capture):.2f}"]
                print(f"| {' | '.join(cells)} | {processor:.1f} | {wall:.1f} | {len(splats):,} |", flush=True)


def changes(variant: str) -> dict[str, Any]:
    """Return the settings of a variant by name. Raises SystemExit for a name that is no setting."""
    known, found = get_type_hints(TrainSettings), {}
    for name, _, value in (part.partition("=") for part in variant.split()):
        if name not in known:
            raise SystemExit(f"there is no setting {name!r} of the fit; the names are {', '.join(known)}")
        found[name] = known[name](yaml.safe_load(value)) if known[name] in (int, float) else yaml.safe_load(value)
    return found


def held_out_psnr(splats: Splats, capture: Capture) -> float:
    """Return the mean PSNR, dB, of the held-out views."""
    pictures = ((to_uint8(render_rgb(splats, view.camera)), view) for view in capture.split("test"))
    return float(np.mean([psnr(picture, view.image(), view.ignored()) for picture, view in pictures]))


if __name__ == "__main__":
    main()
