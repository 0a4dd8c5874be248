"""Opening, rendering and writing splat files: python benchmarks/bench_splat_files.py FILE ... [--pictures DIR]"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from splatseg import Camera, Splats, load_splats
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.splat import write_splat
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb


def looking_at(splats: Splats, width: int = 640, height: int = 480) -> Camera:
    """A camera that sees the middle 90 % of a splat from along its shortest axis' normal, a little from above."""
    means = splats.means.double().numpy()
    low, high = np.quantile(means, (0.05, 0.95), axis=0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    position = centre + 2.0 * radius * np.array([0.5, -0.7, 0.5]) / np.linalg.norm([0.5, -0.7, 0.5])
    forward = (centre - position) / np.linalg.norm(centre - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ position
    return Camera(viewmat, np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]]), width, height)


def same(first: Splats, second: Splats) -> float:
    """Largest difference of any parameter."""
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
    differences = [(getattr(first, name) - getattr(second, name)).abs() for name in names]
    return max(float(difference.max()) for difference in differences if difference.numel())


def main() -> None:
    """One line a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    for path in given.files:
        began = time.perf_counter()
        splats, dropped = load_splats(path)
        loaded = time.perf_counter()
        image = render_rgb(splats, looking_at(splats), background=(1.0, 1.0, 1.0))
        rendered = time.perf_counter()
        with TemporaryDirectory() as folder:
            write_ply(Path(folder) / "again.ply", splats)
            by_ply = same(splats, load_splats(Path(folder) / "again.ply")[0])
            write_splat(Path(folder) / "again.splat", splats)
            again = load_splats(Path(folder) / "again.splat")[0]
        by_splat = float((splats.means - again.means).abs().max()), float(torch.abs(splats.sh0 - again.sh0).max())
        if given.pictures:
            given.pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_uint8(image)).save(given.pictures / f"{path.stem}.png")
        print(
            f"{path.name}: {len(splats):,} Gaussians, {dropped} dropped; load {1e3 * (loaded - began):.0f} ms, "
            f"first render {1e3 * (rendered - loaded):.0f} ms; .ply differs by {by_ply:g}, "
            f".splat by {by_splat[0]:g} (means) and {by_splat[1]:g} (colour)"
        )


if __name__ == "__main__":
    main()
