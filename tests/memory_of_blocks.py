"""A child process of tests/cluster/test_blocks.py: prints the most own memory, in bytes, of segmenting in blocks.

    memory_of_blocks.py FOLDER GAUSSIANS

Six votes a Gaussian are written to files of the folder and mapped into memory, as the job in blocks reads them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from bench_core import Watch

from splatseg.cluster.cluster import cluster_rows
from splatseg.features.lift.embed import voted_features
from splatseg.features.rows import Unit
from splatseg.votes.agreement import Agreement
from splatseg.votes.products import csr_of
from splatseg.votes.votes import Votes

VIEWS, THINGS = 6, 5


def written(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Write the arrays of a scene of lumps and return them, mapped."""
    rng = np.random.default_rng(0)
    thing = rng.integers(0, THINGS, count).astype(np.int32)
    means = rng.standard_normal((count, 3)).astype(np.float32)
    means[:, 0] += 8.0 * thing
    arrays = {
        "means": means,
        "reach": np.full(count, 0.01, np.float32),
        "indptr": np.arange(0, VIEWS * count + 1, VIEWS),
        "indices": (np.arange(0, VIEWS * THINGS, THINGS, dtype=np.int32) + thing[:, None]).ravel(),
        "data": rng.uniform(0.5, 9.0, VIEWS * count).astype(np.float32),
        "seen": np.full(count, 60.0, np.float32),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays}


def main() -> None:
    """Measure and print."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    arrays = written(folder, count)
    weights = csr_of(arrays["data"], arrays["indices"], arrays["indptr"], (count, VIEWS * THINGS))
    votes = Votes(
        weights=weights,
        view_of=np.repeat(np.arange(VIEWS), THINGS).astype(np.int32),
        id_of=np.tile(np.arange(1, THINGS + 1), VIEWS).astype(np.int32),
        areas=np.full(VIEWS * THINGS, 1000, dtype=np.int64),
        seen=arrays["seen"],
        views=tuple(f"{view}.jpg" for view in range(VIEWS)),
        layer_of=np.zeros(VIEWS * THINGS, dtype=np.int32),
    )
    watch = Watch()
    with watch.stage("all"):
        features = voted_features(votes, means=arrays["means"])
        agreement = Agreement(votes)
        cluster_rows(arrays["means"], arrays["reach"], Unit(features), votes=votes, agreement=agreement, cached=0)
    sys.stdout.write(f"{int(watch.facts['all']['bytes'])}\n")


if __name__ == "__main__":
    main()
