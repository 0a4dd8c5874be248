"""Memory and time of the commands that open a finished run, each in a child of its own (Linux only).

    python benchmarks/bench_huge.py RUN [--gt DIR] [--view NAME --click X,Y] [--only each segment ...] [--json]

RUN is one that `bench_blocks.py` made, say: of `splatseg train ... --blocks N` or in one piece. It should be a copy:
evaluate writes into it. Told are seconds by the clock, seconds of processor, the most own memory (RssAnon, looked at 20
times a second) and the most memory of the process (VmHWM, with pages of mapped files that the system may take back).

    each      export --each           segment   export --segment 1 -o x.spz        info      info
    render    render --what overlay   select    select --view NAME --click X,Y     evaluate  evaluate --gt DIR
    clean     clean -o x.ply
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from process_memory import memory

PROGRAM = "import sys; sys.argv[0] = 'splatseg'; from splatseg.cli.main import main; main()"


def measured(words: list[str]) -> dict[str, float]:
    """Run a command and return its seconds and gigabytes."""
    began, own, peak, processor = time.perf_counter(), 0, 0, 0.0
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, *words, "-q"], stdout=subprocess.DEVNULL)
    while child.poll() is None:
        held = memory(child.pid)
        own, peak = max(own, held.get("RssAnon", 0)), max(peak, held.get("VmHWM", 0))
        times = Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        processor = max(processor, (int(times[11]) + int(times[12])) / 100)
        time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"splatseg {' '.join(words)} ended with {child.returncode}")
    row = {"s": time.perf_counter() - began, "cpu_s": processor, "own_gb": own / 1e9, "peak_gb": peak / 1e9}
    return {name: round(value, 2) for name, value in row.items()}


def commands(run: str, out: Path, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Return the words of each command, by its name."""
    found = {
        "each": ["export", run, "--each", "-o", str(out / "each")],
        "segment": ["export", run, "--segment", "1", "-o", str(out / "one.spz")],
        "info": ["info", run],
        "render": ["render", run, "--what", "overlay", "-o", str(out / "render")],
        "clean": ["clean", run, "-o", str(out / "clean.ply")],
    }
    if arguments.view:
        found["select"] = ["select", run, "--view", arguments.view, "--click", arguments.click]
        found["select"] += ["-o", str(out / "select")]
    if arguments.gt:
        found["evaluate"] = ["evaluate", run, "--gt", str(arguments.gt)]
    return {name: words for name, words in found.items() if not arguments.only or name in arguments.only}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--gt", type=Path)
    parser.add_argument("--view")
    parser.add_argument("--click", default="100,100")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in commands(str(arguments.run), Path(folder), arguments).items():
            row = rows[name] = measured(words)
            sys.stdout.write(
                f"{name:10}{row['s']:9.1f} s{row['cpu_s']:9.1f} s of processor{row['own_gb']:8.2f} GB own"
                f"{row['peak_gb']:8.2f} GB\n"
            )
            sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(f"{json.dumps(rows)}\n")


if __name__ == "__main__":
    main()
