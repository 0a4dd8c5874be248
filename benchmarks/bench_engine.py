"""The engine by itself: seconds to start and end its workers, and what an item costs beside its work.

python benchmarks/bench_engine.py [--workers 2] [--items 200] [--seconds 0.05]

open        seconds until the workers of this machine are ready
item        milliseconds from the end of one item to the beginning of the next in a worker: (T * workers / items) minus
            the seconds that each item sleeps, where T is the time of all
close       seconds until they have ended
"""

from __future__ import annotations

import argparse
import time

from splatseg.engine.opening import open_engine
from splatseg.engine.request import EngineRequest


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.05)
    given = parser.parse_args()
    began = time.perf_counter()
    with open_engine(EngineRequest(workers=given.workers), print) as engine:
        print(f"open   {time.perf_counter() - began:6.2f} s")
        list(engine.map(time.sleep, [0.0] * given.workers))
        began = time.perf_counter()
        list(engine.map(time.sleep, [given.seconds] * given.items))
        each = (time.perf_counter() - began) * given.workers / given.items - given.seconds
        print(f"item   {1e3 * each:6.1f} ms")
        began = time.perf_counter()
    print(f"close  {time.perf_counter() - began:6.2f} s")


if __name__ == "__main__":
    main()
