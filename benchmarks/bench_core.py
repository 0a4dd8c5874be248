"""Tell the memory of embedding and clustering in blocks: own memory and seconds by stage, for splats of several sizes.

    python benchmarks/bench_core.py --run RUN --work DIR --gaussians 1000000 5000000
        [--threads 2] [--json]

The votes of a run are repeated until there are enough Gaussians: a copy of one lies near it, within its own size, and
has its votes. They are written to --work and mapped into memory, as the job in blocks reads them. Each size runs in a
process of its own, all of them in blocks. Own memory is RssAnon, looked at 100 times a second, over that at the start
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

from splatseg.cluster.cluster import cluster_rows
from splatseg.features.lift.embed import voted_features
from splatseg.features.rows import Unit
from splatseg.formats.read import load_splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import read_votes
from splatseg.votes.products import csr_of
from splatseg.votes.votes import Votes


def own_memory() -> int:
    """Bytes that are in memory and in no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise OSError("this system does not tell RssAnon")


class Watch:
    """The most own memory of a stage beyond that of the beginning, and its seconds."""

    def __init__(self) -> None:
        self.begin = own_memory()
        self.facts: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        most, done = [own_memory()], threading.Event()

        def look() -> None:
            while not done.wait(0.01):
                most.append(max(most.pop(), own_memory()))

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


def mapped_votes(run: Path, folder: Path) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes that lie in the files of a folder, and means (N,3) and reach (N,)."""
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    one = read_votes(run / "votes.safetensors")
    weights = csr_of(arrays["data"], arrays["indices"], arrays["indptr"], (len(arrays["seen"]), len(one.view_of)))
    votes = Votes(weights, one.view_of, one.id_of, one.areas, arrays["seen"], one.views, one.layer_of)
    return votes, arrays["means"], arrays["reach"]


def measure(run: Path, folder: Path) -> dict[str, object]:
    """Embed and cluster the Gaussians of a folder."""
    votes, means, reach = mapped_votes(run, folder)
    watch = Watch()
    with watch.stage("embedding"):
        features = voted_features(votes, means=means)
    with watch.stage("agreement"):
        agreement = Agreement(votes)
    with watch.stage("clustering"):
        found = cluster_rows(means, reach, Unit(features), votes=votes, agreement=agreement, cached=0)
    entries = len(votes.weights.data)
    return {"stages": watch.facts, "segments": len(found.counts), "votes a Gaussian": round(entries / len(means), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--gaussians", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.child:
        print(json.dumps(measure(args.run, args.child)))
        return
    facts: dict[str, object] = {}
    before: tuple[int, dict[str, dict[str, float]]] | None = None
    for count in args.gaussians:
        folder = args.work / f"{count}"
        if not folder.exists():
            write_repeated(args.run, folder, count)
        command = [sys.executable, __file__, "--run", str(args.run), "--work", str(args.work), "--child", str(folder)]
        done = subprocess.run([*command, "--threads", str(args.threads)], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        for name, stage in found["stages"].items():
            stage["bytes a Gaussian"] = round(stage["bytes"] / count, 1)
            if before is not None:
                more = stage["bytes"] - before[1][name]["bytes"]
                stage["bytes a further Gaussian"] = round(more / (count - before[0]), 1)
            if not args.json:
                print(f"{count:>11,} {name:12} {stage}", flush=True)
        before = (count, found["stages"])
        facts[f"{count}"] = found
    if args.json:
        print(json.dumps({**facts, **conditions(args.threads)}))


if __name__ == "__main__":
    main()
