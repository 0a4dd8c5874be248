"""Segment a splat in blocks and in one piece, each in a process of its own: the same bytes, peaks of memory, seconds.

    python benchmarks/bench_blocks.py --splats composed_14.splat --work DIR --gaussians 5000000 --blocks 8
        [--views 200] [--width 1296] [--height 840] [--tiles 1] [--objects 80] [--workers 2] [--threads 2]
        [--only blocks|one] [--make] [--json]

The scene is a city of T tiles side by side, each the splat's Gaussians repeated (bench_scale.py) to an equal share of
N; it is written as a folder of parts, tile by tile, and so are its ids. Views stand on rings around the tiles in turn
and show what they see of all of them. Their photographs, and the masks, label maps of the objects (the cells around
random Gaussians of each tile) of which some are dropped and some merged, are drawn from the mapped splat, so that a
scene of any size is made with the memory of a view. Scene and capture are kept in --work; their time is not told.

Then `splatseg train CAPTURE --splats PARTS --masks DIR --blocks B` runs in a child: the whole job, with its report.
Told are, of every stage, the seconds, those of processor of this process, and the most memory: that of the process
(VmHWM, with the pages of mapped files that it holds and the system may take back) and its own (RssAnon), looked at 20
times a second. --only blocks leaves out one piece, for scenes that do not fit, --make leaves out both; --workers adds
that of the workers, where the engine tells it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from bench_scale import DROPPED, MERGED, repeated
from disturbances import disturbed_map
from harness import conditions
from PIL import Image
from process_memory import memory
from scipy.spatial import cKDTree

from splatseg.capture.transforms_json import write_transforms
from splatseg.capture.view import View
from splatseg.files import write_png
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.jobs.blocks.pieces import colored
from splatseg.jobs.train import start_run, train_run
from splatseg.masks.segments import from_label_map
from splatseg.render.label_maps import label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.reporter import Advance, NullReporter
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.splats.blocks import each_block
from splatseg.splats.mapped.geometry import open_geometry, write_geometry
from splatseg.splats.splats import Splats

COMPARED = ("votes.safetensors", "hierarchy.safetensors", "splats.ply", "segments.json", "masks")


def offsets_of(splats: Splats, tiles: int) -> np.ndarray:
    """Offsets (T,3) of tiles in a square, a diameter of their middle nine tenths apart in x and y."""
    means = splats.means.numpy()
    side = np.ceil(np.sqrt(tiles))
    extent = float((np.percentile(means, 95, axis=0) - np.percentile(means, 5, axis=0))[:2].max())
    places = np.stack([np.arange(tiles) % side, np.arange(tiles) // side, np.zeros(tiles)], axis=1)
    found: np.ndarray = places * extent
    return found


def views_of(splats: Splats, offsets: np.ndarray, count: int, width: int, height: int) -> list[View]:
    """Views of the tiles in turn: number i is on the ring around tile i mod T."""
    views = []
    for index, view in enumerate(ring_views(splats, count, width, height)):
        viewmat = view.camera.viewmat.copy()
        viewmat[:3, 3] -= viewmat[:3, :3] @ offsets[index % len(offsets)]
        views.append(View(f"{index:05d}.png", replace(view.camera, viewmat=viewmat)))
    return views


def write_city(splats: Splats, offsets: np.ndarray, gaussians: int, objects: int, folder: Path) -> None:
    """Write the parts, and ids.npy of the objects: of tile t they begin at t * objects + 1."""
    generator = np.random.default_rng(0)
    borders = np.linspace(0, gaussians, len(offsets) + 1).astype(np.int64)
    means = splats.means.numpy()
    ids = np.lib.format.open_memmap(folder / "ids.npy", "w+", np.int32, (gaussians,))
    for tile, offset in enumerate(offsets):
        own = repeated(splats, int(borders[tile + 1] - borders[tile]))
        seeds = means[generator.choice(len(means), objects, replace=False)]
        ids[borders[tile] : borders[tile + 1]] = (
            cKDTree(seeds).query(own.means.numpy(), workers=-1)[1] + tile * objects + 1
        )
        moved = own.replace(means=own.means + torch.from_numpy(offset).float())
        write_ply(folder / "parts" / f"part_{tile + 1:05d}_of_{len(offsets):05d}.ply", moved)
    ids.flush()


def mapped_city(folder: Path) -> Splats:
    """The city, mapped, with its colours and the ids of its objects."""
    blocks = open_blocks(folder / "parts")
    if not (folder / "geometry.safetensors").exists():
        write_geometry(folder / "geometry.safetensors", each_block(blocks, "geometry"), len(blocks))
    ids = torch.from_numpy(np.load(folder / "ids.npy", mmap_mode="c"))
    return colored(open_geometry(folder / "geometry.safetensors").replace(segment_ids=ids), blocks)


def draw_capture(city: Splats, views: list[View], folder: Path) -> None:
    """Write the capture and the masks, what is not there yet."""
    write_transforms(folder / "capture" / "transforms.json", {f"images/{view.name}": view.camera for view in views})
    for index, view in enumerate(views):
        image, mask = folder / "capture" / "images" / view.name, folder / "masks" / view.name
        if not image.exists():
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_uint8(render_rgb(city, view.camera))).save(image, compress_level=1)
        if not mask.exists():
            labels = disturbed_map(label_map(city, view.camera), np.random.default_rng(index), DROPPED, MERGED)
            write_png(mask, from_label_map(labels).layers[0].astype(np.uint16))


class Watched(NullReporter):
    """Keeps seconds and memory of every stage."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, float]] = {}
        self._own = 0
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        began, computed, self._own = time.perf_counter(), time.process_time(), 0
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        with super().stage(name, total) as advance:
            yield advance
        self._own = max(self._own, memory()["RssAnon"])
        seconds = time.perf_counter() - began
        cpu = round(time.process_time() - computed, 2)
        row = {
            "s": round(seconds, 2),
            "cpu_s": cpu,
            "peak_gb": gigabytes(memory()["VmHWM"]),
            "own_gb": gigabytes(self._own),
        }
        self.rows[name] = row
        print(
            f"{name:12}{row['s']:10.2f} s{cpu:10.2f} s of processor{row['peak_gb']:9.3f} GB{row['own_gb']:9.3f} GB own",
            flush=True,
        )

    def say(self, text: str) -> None:
        print(text, flush=True)

    def warn(self, text: str) -> None:
        print(f"warning: {text}", flush=True)

    def _look(self) -> None:
        while True:
            self._own = max(self._own, memory()["RssAnon"])
            time.sleep(0.05)


def gigabytes(size: int) -> float:
    return round(size / 1e9, 3)


def segment(folder: Path, blocks: str, workers: int | None, place: Path) -> None:
    """The job, in a child; figures go to a file beside the run."""
    reporter, began, computed = Watched(), time.perf_counter(), time.process_time()
    request = BlocksRequest(blocks, workers=workers)
    settings = RunSettings.of(
        CaptureSettings(str(folder / "capture")), masks=str(folder / "masks"), splats=str(folder / "parts")
    )
    run = start_run(place, settings, overwrite=True, reporter=reporter, force=True, blocks=request)
    summary = train_run(run, reporter, request)
    facts = {
        "stages": reporter.rows,
        "all_s": round(time.perf_counter() - began, 2),
        "all_cpu_s": round(time.process_time() - computed, 2),
        "own_gb": max(row["own_gb"] for row in reporter.rows.values()),
        "peak_gb": max(row["peak_gb"] for row in reporter.rows.values()),
        "segments": summary.facts["segments"],
        "timings": {row["timing"]: row["seconds"] for row in run.metrics() if "timing" in row},
    }
    Path(f"{place}.json").write_text(json.dumps(facts), encoding="utf-8")


def compared(one: Path, other: Path) -> dict[str, bool]:
    """Whether the files of two runs have the same bytes."""
    found = {}
    for name in COMPARED:
        files = [one / name] if (one / name).is_file() else sorted((one / name).rglob("*.png"))
        found[name] = bool(files) and all(
            subprocess.run(["cmp", "-s", file, other / file.relative_to(one)], check=False).returncode == 0
            for file in files
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where scenes and runs are kept")
    parser.add_argument("--gaussians", type=int, default=5_000_000)
    parser.add_argument("--blocks", default="8")
    parser.add_argument("--views", type=int, default=200)
    parser.add_argument("--tiles", type=int, default=1)
    parser.add_argument("--width", type=int, default=1296)
    parser.add_argument("--height", type=int, default=840)
    parser.add_argument("--objects", type=int, default=80, help="of each tile")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=("blocks", "one"))
    parser.add_argument("--make", action="store_true", help="make the scene and measure nothing")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    size = f"{args.gaussians}x{args.tiles}x{args.views}x{args.width}x{args.height}x{args.objects}"
    folder = args.work.absolute() / size
    if args.child:
        segment(folder, args.child[0], args.workers if args.child[0] != "1" else None, Path(args.child[1]))
        return
    folder.mkdir(parents=True, exist_ok=True)
    splats = load_splats(args.splats)[0].plain()
    offsets = offsets_of(splats, args.tiles)
    views = views_of(splats, offsets, args.views, args.width, args.height)
    if not (folder / "made").exists():
        write_city(splats, offsets, args.gaussians, args.objects, folder)
        draw_capture(mapped_city(folder), views, folder)
        (folder / "geometry.safetensors").unlink()
        (folder / "made").touch()
    del splats
    if args.make:
        return
    asked = {"one": "1", "blocks": args.blocks}
    places = {name: folder / f"run_{name}" for name in asked if args.only in (None, name)}
    facts: dict[str, object] = {"gaussians": args.gaussians, "tiles": args.tiles, "views": args.views}
    for name, place in places.items():
        print(f"--- {'one piece' if name == 'one' else f'{args.blocks} blocks'}", flush=True)
        subprocess.run([sys.executable, *sys.argv, "--child", asked[name], str(place)], check=True)
        facts[name] = json.loads(Path(f"{place}.json").read_text(encoding="utf-8"))
    if len(places) == 2:
        one, many = (json.loads(Path(f"{place}.json").read_text(encoding="utf-8")) for place in places.values())
        facts["same_bytes"] = compared(*places.values())
        ratios = {name: round(many[name] / one[name], 3) for name in ("all_s", "all_cpu_s", "peak_gb", "own_gb")}
        facts["ratios"] = ratios
    facts |= conditions(args.threads)
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name:14} {value}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
