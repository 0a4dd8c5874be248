"""The first thing to run on a machine with an NVIDIA card: does everything work there, and how fast.

    python benchmarks/gpu_check.py -o gpu.json [--scene garden.npz] [--device cuda] [--minutes 8] [--repeats 20]

It runs the tests of the rasteriser and of the fit on the card, then times the operations, the fit of the embedded demo
and its votes, and writes all of it to a JSON file, part by part: what was measured before a stop is kept. Times are
medians of the repeats. gsplat is timed beside where it is installed, and the operations are timed once more with tiles
of 8x8 pixels. With `--device cpu` the same is done by Warp on the processor, with a small scene, to try this program
itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Scene
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture
from splatseg.machine import devices
from splatseg.raster.interface import accumulate, prepare, rasterize, rasterize_plan, vote
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings
from splatseg.train.task import StepReport

ROOT = Path(__file__).resolve().parents[1]

TESTED = ("tests/raster", "tests/train/test_as_on_a_card.py")
"""Tests that say whether the card computes what it should."""

LABELS = 60
"""Labels of a map that is voted for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--operations-only", action="store_true", help="time the operations, nothing else")
    given = parser.parse_args()
    devices.use(given.device)
    report = Report(given.output, given.minutes)
    report.add("machine", machine())
    if not given.operations_only:
        report.part("tests", lambda left: tests(given.device, left))
    time_operations(report, given)
    if not given.operations_only:
        report.part("fit of the embedded demo", lambda left: fit(given.iterations, devices.current()))
        report.part("tiles of 8x8 pixels", lambda left: with_small_tiles(given, left))
    print(json.dumps(report.found, indent=2))


class Report:
    """Parts of the check, written to a file as they come; none is begun when the time is over."""

    def __init__(self, path: Path, minutes: float) -> None:
        self._path, self._end = path, time.monotonic() + 60 * minutes
        self.found: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> None:
        """Keep a part, and say it."""
        self.found[name] = value
        self._path.write_text(json.dumps(self.found, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {value}", file=sys.stderr, flush=True)

    def part(self, name: str, work: Callable[[float], Any]) -> None:
        """Do a part, given the seconds left; an error is its result, so that the others are done all the same."""
        left = self._end - time.monotonic()
        if left <= 0:
            self.add(name, "not done: the time was over")
            return
        try:
            self.add(name, work(left))
        except Exception as error:  # whatever it is: the report has to tell it
            self.add(name, f"{type(error).__name__}: {error}"[:500])


def time_operations(report: Report, given: argparse.Namespace) -> None:
    """Time every operation, in pictures of growing size."""
    where = devices.current()
    scene = Scene(given.scene, 0, 1.0) if given.scene else random_scene(2_000_000 if where.type == "cuda" else 300)
    for scale in (1, 2, 3) if where.type == "cuda" else (1,):
        camera = scaled(scene.camera, scale)
        for name, operation in operations(scene, camera, where).items():
            label = f"{name}, {camera.width}x{camera.height}"
            report.part(label, lambda left, operation=operation: timed(operation, where, given.repeats))  # type: ignore[misc]


def with_small_tiles(given: argparse.Namespace, left: float) -> dict[str, Any]:
    """Time the operations in a process of their own, since the size of tiles is compiled into the kernels."""
    path = given.output.with_name(f"{given.output.stem}-tiles-of-8.json")
    scene = [] if given.scene is None else ["--scene", given.scene]
    asked = ["-o", path, "--device", given.device, "--repeats", str(given.repeats), "--minutes", str(left / 60)]
    subprocess.run(
        [sys.executable, __file__, *asked, *scene, "--operations-only"],
        env=os.environ | {"SPLATSEG_WARP_TILE": "8"},
        stdout=subprocess.DEVNULL,
        timeout=left,
        check=True,
    )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return {name: times for name, times in found.items() if isinstance(times, dict) and "median" in times}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    facts: dict[str, Any] = {"device": devices.described(), "torch": torch.__version__, "cuda": torch.version.cuda}
    if torch.cuda.is_available():
        facts["memory, GB"] = round(torch.cuda.get_device_properties(devices.current()).total_memory / 1e9, 1)
    import warp as wp  # noqa: PLC0415 (an optional library)

    return facts | {"warp": wp.config.version, "python": platform.python_version()}


def tests(device: str, left: float) -> dict[str, Any]:
    """Run the tests; on a card those of the card."""
    began = time.monotonic()
    chosen = ["-k", "card"] if device != "cpu" else ["-k", "warp or as_on_a_card"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow and not sanitize", *chosen, *TESTED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=left,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr[-500:]]
    return {"result": last[0], "failed": failed[:20], "seconds": round(time.monotonic() - began, 1)}


def random_scene(count: int) -> Scene:
    """Return a scene of random Gaussians in front of a camera of 1296x840 pixels, or a small one for a small number."""
    rng = np.random.default_rng(0)
    scene = object.__new__(Scene)
    depth = rng.uniform(2.0, 8.0, count)
    means = np.stack([rng.normal(0, 0.3, count) * depth, rng.normal(0, 0.2, count) * depth, depth], -1)
    scales = rng.lognormal(np.log(2.0 / count ** (1 / 2)), 0.5, (count, 3))
    arrays = means, rng.normal(size=(count, 4)), scales, rng.uniform(0.05, 1.0, count)
    scene.geometry = [torch.from_numpy(array).float() for array in arrays]
    scene.channels = torch.from_numpy(rng.random((count, 19))).float()
    width, height = (1296, 840) if count > 1000 else (64, 48)
    focal = 0.8 * width
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    scene.camera = Camera(np.eye(4), K, width, height)
    return scene


def scaled(camera: Camera, scale: int) -> Camera:
    """Return the camera with an image so many times as large."""
    return Camera(camera.viewmat, np.diag([scale, scale, 1.0]) @ camera.K, camera.width * scale, camera.height * scale)


def operations(scene: Scene, camera: Camera, where: torch.device) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    geometry = [tensor.to(where) for tensor in scene.geometry]
    backend = "warp" if where.type == "cpu" else None
    plan = prepare(*geometry, camera, backend=backend)
    x = torch.arange(camera.width, device=where) * LABELS // camera.width + 1
    label_map = x.int().expand(camera.height, -1).contiguous()
    found: dict[str, Callable[[], object]] = {
        "prepare": lambda: prepare(*geometry, camera, backend=backend),
        f"vote, {LABELS} labels": lambda: vote(plan, label_map, LABELS),
        "accumulate, 16 channels": lambda: accumulate(plan, torch.ones(camera.height, camera.width, 16, device=where)),
    }
    for count in (3, 19):
        features = scene.features(count).to(where)
        found[f"forward, {count} channels"] = lambda f=features: rasterize(*geometry, f, camera, backend=backend)  # type: ignore[misc]
        found[f"blend alone, {count} channels"] = lambda f=features: rasterize_plan(plan, f)  # type: ignore[misc]
        found[f"forward and backward, {count} channels"] = with_backward(
            geometry, features, lambda *tensors: rasterize(*tensors, camera, backend=backend).features
        )
    return found | gsplat_operations(geometry, scene, camera, where)


def with_backward(geometry: list[Tensor], features: Tensor, blend: Callable[..., Tensor]) -> Callable[[], object]:
    """Return a step that blends and takes the gradient of everything."""
    leaves = [tensor.clone().requires_grad_() for tensor in (*geometry, features)]

    def step() -> object:
        return torch.autograd.grad(blend(*leaves).square().mean(), leaves)

    return step


def gsplat_operations(
    geometry: list[Tensor], scene: Scene, camera: Camera, where: torch.device
) -> dict[str, Callable[[], object]]:
    """Return the same of gsplat, if it is installed and there is a card."""
    if where.type == "cpu" or find_spec("gsplat") is None:
        return {}
    from gsplat import rasterization  # noqa: PLC0415 (an optional library)

    viewmats = torch.tensor(camera.viewmat, dtype=torch.float32, device=where)[None]
    Ks = torch.tensor(camera.K, dtype=torch.float32, device=where)[None]

    def blend(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, features: Tensor) -> Tensor:
        size = camera.width, camera.height
        picture: Tensor = rasterization(means, quats, scales, opacities, features, viewmats, Ks, *size)[0][0]
        return picture

    found: dict[str, Callable[[], object]] = {}
    for count in (3, 19):
        features = scene.features(count).to(where)
        found[f"gsplat: forward, {count} channels"] = lambda f=features: blend(*geometry, f)  # type: ignore[misc]
        found[f"gsplat: forward and backward, {count} channels"] = with_backward(geometry, features, blend)
    return found


def timed(operation: Callable[[], object], where: torch.device, repeats: int) -> dict[str, float]:
    """Return milliseconds: of the first call, which compiles, and the median and the least of the others."""
    times = []
    for _ in range(repeats + 2):
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        began = time.perf_counter()
        operation()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        times.append(1e3 * (time.perf_counter() - began))
    return {
        "first": round(times[0], 1),
        "median": round(statistics.median(times[2:]), 3),
        "least": round(min(times[2:]), 3),
    }


def fit(iterations: int, where: torch.device) -> dict[str, float]:
    """Fit the embedded demo; return seconds and the PSNR of its last steps."""
    reports: list[StepReport] = []
    capture = load_capture(demo_capture(), downscale=1 if where.type == "cuda" else 8)
    began = time.monotonic()
    settings = TrainSettings().scaled(iterations)
    splats = fit_splats(capture, settings, on_step=reports.append)
    last = [report.psnr for report in reports[-5:]]
    return {
        "seconds": round(time.monotonic() - began, 1),
        "PSNR of the last steps": round(sum(last) / len(last), 2),
        "Gaussians": len(splats),
    }


if __name__ == "__main__":
    main()
