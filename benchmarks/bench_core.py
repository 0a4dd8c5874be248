"""Tell the memory of embedding and clustering in blocks: own memory and seconds by stage, for splats of several sizes.

    python benchmarks/bench_core.py --run RUN --work DIR --gaussians 1000000 5000000
        [--threads 2] [--json]
    python benchmarks/bench_core.py --city VOTES PARTS --work DIR --gaussians 5000000 20000000 ...

The votes of a run are repeated until there are enough Gaussians: a copy of one lies near it, within its own size, and
has its votes, so masks and things are as many as in the run. Of a city (bench_blocks.py: a folder of parts, tile by
tile, and its file of votes) the first Gaussians are taken, with the masks that have votes of them: the more, the more
masks and things. Votes are written to --work and mapped into memory, as the job in blocks reads them. Each size runs in
a process of its own, all of them in blocks. Own memory is RssAnon, looked at 100 times a second, over that at the start
of the stage before which the votes were mapped; what lies in mapped files may go whenever the system needs its place.
The bytes a Gaussian are those by which own memory grows from each size to the next.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from harness import conditions
from process_memory import memory

from splatseg.cluster.cluster import cluster_rows, positions_of
from splatseg.features.lift.embed import voted_features
from splatseg.features.rows import Unit
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.read import load_splats
from splatseg.machine import mapped
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import map_votes, read_votes
from splatseg.votes.products import csr_of
from splatseg.votes.votes import Votes


class Watch:
    """The most own memory of a stage beyond that of the beginning, and its seconds."""

    def __init__(self) -> None:
        self.begin = memory()["RssAnon"]
        self.facts: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        most, done = [memory()["RssAnon"]], threading.Event()

        def look() -> None:
            while not done.wait(0.01):
                most.append(max(most.pop(), memory()["RssAnon"]))

        looking = threading.Thread(target=look)
        looking.start()
        began, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            done.set()
            looking.join()
        self.facts[name] = {
            "bytes": most[0] - self.begin,
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
        }


def write_repeated(run: Path, folder: Path, count: int) -> None:
    """Write the arrays of `count` Gaussians, the votes of a run repeated, block by block."""
    votes, splats = read_votes(run / "votes.safetensors"), load_splats(run / "splats.ply")[0]
    weights, reach, means = votes.weights, splats.reach, splats.positions
    folder.mkdir(parents=True)
    numbers, rng = np.arange(count) % len(reach), np.random.default_rng(0)
    starts = np.concatenate([[0], np.cumsum(np.diff(weights.indptr)[numbers], dtype=np.int64)])
    np.save(folder / "indptr.npy", starts)
    np.save(folder / "reach.npy", reach[numbers])
    np.save(folder / "seen.npy", votes.seen[numbers])
    shapes = {
        "means": ((count, 3), np.float32),
        "indices": ((int(starts[-1]),), np.int32),
        "data": ((int(starts[-1]),), np.float32),
    }
    out = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype=kind, shape=shape)
        for name, (shape, kind) in shapes.items()
    }
    for begin in range(0, count, len(reach)):
        some = weights[: min(len(reach), count - begin)]
        place, end = starts[begin], starts[begin] + some.nnz
        # Weights that differ a little, so that no two rows are the same.
        out["indices"][place:end], out["data"][place:end] = some.indices, some.data * rng.uniform(0.9, 1.1, some.nnz)
        offsets = rng.standard_normal((some.shape[0], 3)) * reach[: some.shape[0], None]
        out["means"][begin : begin + some.shape[0]] = means[: some.shape[0]] + (offsets if begin else 0.0)


def write_first(votes: Votes, parts: Path, folder: Path, count: int) -> None:
    """Write the arrays of the first `count` Gaussians of a city, block by block, and the masks that they have."""
    means, reach = positions_of(open_blocks(parts))
    weights, blocks = votes.weights, [slice(rows.start, rows.stop) for rows in mapped.ranges(count)]
    entries = [slice(int(weights.indptr[rows.start]), int(weights.indptr[rows.stop])) for rows in blocks]
    used = np.zeros(weights.shape[1], dtype=np.bool_)
    for part in entries:
        used[weights.indices[part]] = True
    folder.mkdir(parents=True)
    np.save(folder / "columns.npy", np.flatnonzero(used))
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    for name, array in {"indptr": weights.indptr[: count + 1], "seen": votes.seen[:count]}.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "means.npy", means[:count])
    np.save(folder / "reach.npy", reach[:count])
    shape = (entries[-1].stop,)
    indices = np.lib.format.open_memmap(folder / "indices.npy", "w+", dtype=np.int32, shape=shape)
    data = np.lib.format.open_memmap(folder / "data.npy", "w+", dtype=np.float32, shape=shape)
    for part in entries:
        indices[part], data[part] = number[weights.indices[part]], weights.data[part]


def mapped_votes(file: Path, folder: Path) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes that lie in the files of a folder, of the masks of a file of votes; and means (N,3) and reach (N,)."""
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    one = map_votes(file)
    kept = arrays.get("columns", np.arange(len(one.view_of)))
    weights = csr_of(arrays["data"], arrays["indices"], arrays["indptr"], (len(arrays["seen"]), len(kept)))
    of_masks = (one.view_of[kept], one.id_of[kept], one.areas[kept])
    votes = Votes(weights, *of_masks, arrays["seen"], one.views, one.layer_of[kept])
    return votes, arrays["means"], arrays["reach"]


def measure(file: Path, folder: Path) -> dict[str, object]:
    """Embed and cluster the Gaussians of a folder."""
    votes, means, reach = mapped_votes(file, folder)
    watch = Watch()
    with watch.stage("embedding"):
        features = voted_features(votes, means=means)
    with watch.stage("agreement"):
        agreement = Agreement(votes)
    with watch.stage("clustering"):
        found = cluster_rows(means, reach, Unit(features), votes=votes, agreement=agreement, cached=0)
    entries = len(votes.weights.data)
    return {
        "stages": watch.facts,
        "masks": len(votes.view_of),
        "segments": len(found.counts),
        "votes a Gaussian": round(entries / len(means), 1),
        "most bytes": max(stage["bytes"] for stage in watch.facts.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--run", type=Path)
    given.add_argument("--city", type=Path, nargs=2, metavar=("VOTES", "PARTS"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--gaussians", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.child:
        print(json.dumps(measure(args.city[0] if args.city else args.run / "votes.safetensors", args.child)))
        return
    facts: dict[str, object] = {}
    given_as = ["--city", *map(str, args.city)] if args.city else ["--run", str(args.run)]
    before: tuple[int, dict[str, dict[str, float]], int] | None = None
    for count in args.gaussians:
        folder = args.work / f"{count}"
        if not folder.exists() and args.city:
            write_first(map_votes(args.city[0]), args.city[1], folder, count)
        elif not folder.exists():
            write_repeated(args.run, folder, count)
        command = [sys.executable, __file__, *given_as, "--work", str(args.work), "--child", str(folder)]
        done = subprocess.run([*command, "--threads", str(args.threads)], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        for name, stage in found["stages"].items():
            stage["bytes a Gaussian"] = round(stage["bytes"] / count, 1)
            if before is not None:
                more = stage["bytes"] - before[1][name]["bytes"]
                stage["bytes a further Gaussian"] = round(more / (count - before[0]), 1)
            if not args.json:
                print(f"{count:>11,} {name:12} {stage}", flush=True)
        if before is not None:
            found["most bytes a further Gaussian"] = round((found["most bytes"] - before[2]) / (count - before[0]), 1)
        if not args.json:
            print(f"{count:>11,} { ({name: fact for name, fact in found.items() if name != 'stages'}) }", flush=True)
        before = (count, found["stages"], found["most bytes"])
        facts[f"{count}"] = found
    if args.json:
        print(json.dumps({**facts, **conditions(args.threads)}))


if __name__ == "__main__":
    main()
