"""Time segmentation in closed form, and clicks, on a scene of any size; tell the peak of memory after every stage.

    python benchmarks/bench_scale.py --splats composed_14.splat --work DIR --gaussians 1000000 --views 200
        [--width 1296] [--height 840] [--objects 80] [--layers 1] [--threads 2] [--json]
        [--clicks 12]

The scene is the splat's Gaussians, repeated until there are enough: a copy is displaced by a part of its own extent and
shrunk, so that the same picture is made of more of them. Objects are the cells around random Gaussians; rings of
cameras (bench_lift.py) show them, and every view drops some and merges some with a neighbour. Their label maps are
drawn from the splat as it is, kept in --work as .npy and read view by view; the time of drawing them is not told.
A click stands at the pixel deepest inside an object; its time is that from the click to the mask in its view.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from disturbances import disturbed_map
from harness import conditions, deepest_pixel
from scipy.spatial import cKDTree

from splatseg.capture.view import View
from splatseg.cluster.cluster import cluster_splats
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.formats.read import load_splats
from splatseg.masks.segments import Segments, from_label_map
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.select.click_prompt import select_by_click
from splatseg.select.session import Session
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

DROPPED, MERGED = 0.1, 0.1


@dataclass
class LabelMaps:
    """Label maps on disk by view name, read as a mask store reads them. Layer l joins 2^l objects to one mask."""

    folder: Path
    layers: int = 1

    def path(self, view: View) -> Path:
        return self.folder / f"{Path(view.name).stem}.npy"

    def read(self, view: View) -> Segments | None:
        labels = np.load(self.path(view)).astype(np.int32)
        maps, count = [from_label_map(labels).layers[0]], len(np.unique(labels[labels > 0]))
        for layer in range(1, self.layers):
            groups = from_label_map((labels + (1 << layer) - 1) >> layer)
            maps.append(np.where(labels > 0, groups.layers[0] + count, 0).astype(np.int32))
            count += groups.count
        return Segments(tuple(maps), count, np.ones(count, dtype=np.float32))


def repeated(splats: Splats, count: int) -> Splats:
    """`count` Gaussians that show what `splats` shows."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(count) % len(splats)
    many = splats.subset(rows)
    if count <= len(splats):
        return many
    offsets = torch.randn(count, 3, generator=generator) * many.scales
    shrink = float(np.log(len(splats) / count) / 2)  # surfaces: their area stays the same
    return many.replace(means=many.means + offsets, log_scales=many.log_scales + shrink)


def draw_label_maps(splats: Splats, views: list[View], objects: int, maps: LabelMaps) -> None:
    """Write those that are not there yet."""
    maps.folder.mkdir(parents=True, exist_ok=True)
    missing = [view for view in views if not maps.path(view).exists()]
    if not missing:
        return
    means = splats.means.numpy()
    seeds = np.random.default_rng(0).choice(len(means), objects, replace=False)
    ids = torch.from_numpy(cKDTree(means[seeds]).query(means, workers=-1)[1].astype(np.int32) + 1)
    labelled = splats.replace(segment_ids=ids)
    for view in missing:
        rng = np.random.default_rng(int(Path(view.name).stem))
        np.save(
            maps.path(view), disturbed_map(label_map(labelled, view.camera), rng, DROPPED, MERGED).astype(np.uint16)
        )


class Stages:
    """Seconds, processor seconds of all threads, and peak memory (GB, of the process so far) by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.peak_gb: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds[stage] = round(time.perf_counter() - began, 2)
        self.cpu_seconds[stage] = round(time.process_time() - cpu, 2)
        self.peak_gb[stage] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
        times = f"{self.seconds[stage]:9.2f} s{self.cpu_seconds[stage]:9.2f} s of processor"
        print(f"{stage:12}{times}{self.peak_gb[stage]:9.2f} GB", flush=True)


def lift(splats: Splats, views: list[View], maps: LabelMaps, stages: Stages) -> tuple[Splats, Votes]:
    """The splat with features and segments; every stage is timed."""
    with stages.timed("votes"):
        votes = collect_votes(splats, views, maps)  # type: ignore[arg-type]
    with stages.timed("embedding"):
        features = embed_votes(votes)
    with stages.timed("filling"):
        features = fill_unseen(features, splats.means.numpy())
    splats = splats.replace(features=torch.from_numpy(features))
    del features
    with stages.timed("agreement"):
        agreement = Agreement(votes)
    with stages.timed("clustering"):
        clusters = cluster_splats(splats, votes=votes, agreement=agreement)
    return splats.replace(segment_ids=torch.from_numpy(clusters.ids)), votes


def clicks(splats: Splats, view: View, labels: np.ndarray, count: int) -> dict[str, dict[str, float]]:
    """Milliseconds from a click to its mask, at `count` objects of a view: in one session, and each by itself."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    objects = np.argsort(-sizes, kind="stable")[:count]
    places = [deepest_pixel(labels == thing) for thing in objects[sizes[objects] > 0]]
    alone = {"voted": splats, "features": splats.replace(segment_ids=None)}
    times = {}
    for name, chosen in alone.items():
        session, voted = Session(chosen), name == "voted"

        def in_session(place: tuple[float, float], session: Session = session, voted: bool = voted) -> np.ndarray:
            return session.mask(view.camera, select_by_click(session, view.camera, place, voted=voted).members)

        def plain(place: tuple[float, float], chosen: Splats = chosen, voted: bool = voted) -> np.ndarray:
            members = select_by_click(chosen, view.camera, place, voted=voted).members
            return selection_mask(chosen, view.camera, members)

        times[name] = _milliseconds(in_session, places)
        times[f"{name}, no session"] = _milliseconds(plain, places[:4])
    return times


def _milliseconds(
    click: Callable[[tuple[float, float]], object], places: list[tuple[float, float]]
) -> dict[str, float]:
    click(places[0])  # warms caches and scratch memory
    walls, cpus = [], []
    for place in places:
        began, cpu = time.perf_counter(), time.process_time()
        click(place)
        walls.append(1e3 * (time.perf_counter() - began))
        cpus.append(1e3 * (time.process_time() - cpu))
    found = {"min": min(walls), "median": float(np.median(walls)), "max": max(walls), "cpu": float(np.median(cpus))}
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where label maps are kept")
    parser.add_argument("--gaussians", type=int, default=1_000_000)
    parser.add_argument("--views", type=int, default=200)
    parser.add_argument("--width", type=int, default=1296)
    parser.add_argument("--height", type=int, default=840)
    parser.add_argument("--objects", type=int, default=80)
    parser.add_argument("--layers", type=int, default=1, help="masks that lie on one another, as nested proposals do")
    parser.add_argument("--clicks", type=int, default=12, help="objects clicked in the first view; 0 for none")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shown, _ = load_splats(args.splats)
    views = ring_views(shown, args.views, args.width, args.height)
    maps = LabelMaps(args.work / f"{args.views}x{args.width}x{args.height}x{args.objects}", args.layers)
    draw_label_maps(shown, views, args.objects, maps)
    splats = repeated(shown, args.gaussians)
    stages = Stages()
    splats, votes = lift(splats, views, maps, stages)
    assert splats.segment_ids is not None
    facts: dict[str, object] = {
        "gaussians": len(splats),
        "masks": votes.weights.shape[1],
        "votes a Gaussian": round(votes.weights.nnz / len(splats), 1),
        "segments": int(splats.segment_ids.max()),
        "seconds": {**stages.seconds, "all": round(sum(stages.seconds.values()), 2)},
        "cpu_seconds": {**stages.cpu_seconds, "all": round(sum(stages.cpu_seconds.values()), 2)},
        "peak_gb": stages.peak_gb,
        **conditions(args.threads),
    }
    if args.clicks:
        for size in ((640, 480), (1296, 840)):
            view = ring_views(shown, args.views, *size)[0]
            facts[f"click, ms, {size[0]}x{size[1]}"] = clicks(splats, view, label_map(splats, view.camera), args.clicks)
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
