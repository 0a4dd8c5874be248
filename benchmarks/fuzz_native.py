"""Make malformed calls of the native extension: each must be refused by an error of Python, or be harmless.

    python benchmarks/fuzz_native.py --calls 100000 [--seed 0] [--only backward ...] [--json]

Right calls of every function (native_calls.py) are made wrong in one to three places (native_mutations.py) and made in
a child process, which writes down each call before it makes it. Counted as faults: a crash or a hang of the child; an
error that is none of TypeError, ValueError, MemoryError; a right call that is refused; a call that must be refused and
is let in; bytes changed around an array, in a read-only one, or in any by a call that was refused (`stack_views` finds
a wrong row while it writes the others). The exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from native_calls import Arguments, Objects, right_calls
from native_mutations import leaves, mutate, replaced, tensors_for

from splatseg import _native

GUARD = 256
"""Bytes before and after every array, which no call may change."""

SECONDS = 120
"""Time without progress after which a child hangs."""

MOST_BYTES = 16 << 30
"""Memory of a child: a size that slips through is a MemoryError, and does no harm to the machine."""


def guarded(call: Arguments) -> tuple[Arguments, list[np.ndarray]]:
    """The arguments with all arrays copied into memory with guards; and that memory."""
    memories = []
    for path, value in leaves(call):
        if isinstance(value, np.ndarray):
            memory = np.full(value.nbytes + 2 * GUARD, 0xA5, np.uint8)
            copy = memory[GUARD : GUARD + value.nbytes].view(value.dtype).reshape(value.shape)
            copy[...] = value
            memories.append(memory)
            call = replaced(call, path, copy)
    return call, memories


def described(call: Arguments) -> str:
    """Types and sizes of arguments, for a report."""
    parts = []
    for path, value in leaves(call):
        shape = getattr(value, "shape", None)
        what = repr(value)[:60] if shape is None or not len(shape) else f"{type(value).__name__} {value.dtype} {shape}"
        parts.append(f"  {'.'.join(map(str, path))} = {what}")
    return "\n".join(parts)


class Calls:
    """Calls by number: the same seed and number give the same call."""

    def __init__(self, seed: int, only: list[str]) -> None:
        self.made, self.seed = Objects(), seed
        self.names = only or sorted(right_calls(np.random.default_rng(0), self.made))
        self.levels = _native.simd_levels()

    def make(self, number: int) -> tuple[str, Arguments, list[np.ndarray], list[str], bool]:
        """(function, arguments, guarded memory, changes in words, whether it must be refused)."""
        rng = np.random.default_rng([self.seed, number])
        name = self.names[number % len(self.names)]
        _native.use_simd_level(self.levels[int(rng.integers(len(self.levels)))])
        call, memories = guarded(right_calls(rng, self.made)[name]())
        changes: list[str] = []
        refused = False
        for _ in range(int(rng.choice(4, p=[0.04, 0.66, 0.2, 0.1]))):
            call, change, must = mutate(rng, call, self.made.all)
            # A later change may undo an earlier one: a call must be refused only for its single change.
            refused = must and not changes
            changes.append(change)
        return name, tensors_for(rng, call), memories, changes, refused


def judge(name: str, error: Exception | None, changes: list[str], refused: bool) -> str:
    """The fault in words, or nothing."""
    if error is not None and not isinstance(error, TypeError | ValueError | MemoryError):
        return f"raised {type(error).__name__}: {error}"
    if error is not None and not changes:
        return f"a right call was refused: {str(error)[:500]}"
    return "was let in" if error is None and refused else ""


def make_call(calls: Calls, number: int, journal: Any) -> tuple[str, str, str]:
    """Make one call: (function, outcome, fault or nothing)."""
    name, call, memories, changes, refused = calls.make(number)
    text = f"{number}\n_native.{name} with {'; '.join(changes) or 'nothing wrong'}\n{described(call)}\n"
    journal.seek(0)
    journal.write(text.encode()[:8000].ljust(8192, b"\n"))
    journal.flush()
    before = [memory.copy() for memory in memories]
    frozen = [value for _, value in leaves(call) if isinstance(value, np.ndarray) and not value.flags.writeable]
    frozen_before = [value.tobytes() for value in frozen]
    error: Exception | None = None
    try:
        getattr(_native, name)(**call)
    except Exception as caught:
        error = caught
    fault = judge(name, error, changes, refused)
    after = list(zip(before, memories, strict=True))
    if any((a[:GUARD] != b[:GUARD]).any() or (a[-GUARD:] != b[-GUARD:]).any() for a, b in after):
        fault = "wrote beyond an array"
    elif any(value.tobytes() != old for value, old in zip(frozen, frozen_before, strict=True)):
        fault = "wrote into a read-only array"
    elif error is not None and name != "stack_views" and any((a != b).any() for a, b in after):
        fault = "was refused after it had written"
    return name, type(error).__name__ if error else "let in", fault and f"{fault}\n{text}"


def run_child(seed: int, first: int, last: int, only: list[str], journal: Path) -> None:
    """Make calls [first, last) and print what came of them, as JSON."""
    if sys.platform == "linux" and "LD_PRELOAD" not in os.environ:  # a sanitizer reserves terabytes
        import resource  # noqa: PLC0415 (other systems have none)

        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    warnings.simplefilter("ignore")  # of objects that were never made
    calls, outcomes, faults = Calls(seed, only), Counter[str](), []
    with journal.open("r+b") as file:
        for number in range(first, last):
            name, outcome, fault = make_call(calls, number, file)
            outcomes[f"{name}: {outcome}"] += 1
            if fault:
                faults.append(fault)
    print(json.dumps({"outcomes": outcomes, "faults": faults}))


def fuzz(seed: int, count: int, only: list[str], at_once: int = 20_000) -> tuple[Counter[str], list[str]]:
    """Make `count` calls in children: outcomes by function, and faults in words."""
    outcomes, faults, first = Counter[str](), [], 0
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "call"
        while first < count:
            last = min(first + at_once, count)
            journal.write_bytes(b"0\n" * 4096)
            command = [sys.executable, __file__, "--child", str(journal), "--seed", str(seed)]
            command += ["--first", str(first), "--calls", str(last), "--only", *only]
            seconds = SECONDS + (last - first) // 20
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
                code, said = done.returncode, done.stderr[-6000:]
            except subprocess.TimeoutExpired:
                code, said = -1, f"no end after {seconds} s"
            if code == 0:
                found = json.loads(done.stdout.splitlines()[-1])
                outcomes.update(found["outcomes"])
                faults += found["faults"]
                first = last
                continue
            number, call = journal.read_text(errors="replace").rstrip("\n").split("\n", 1)
            faults.append(f"the process ended with {code}: {call}\n{said}")
            outcomes["(a child that ended): not counted"] += max(int(number), first) + 1 - first
            first = max(int(number), first) + 1
    return outcomes, faults


def _rows(outcomes: Counter[str]) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {}
    for key, count in sorted(outcomes.items()):
        name, outcome = key.split(": ")
        rows.setdefault(name, {})[outcome] = count
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_child(options.seed, options.first, options.calls, options.only, options.child)
        return 0
    outcomes, faults = fuzz(options.seed, options.calls, options.only)
    if options.json:
        print(json.dumps({"outcomes": _rows(outcomes), "faults": faults}))
    else:
        for name, row in _rows(outcomes).items():
            print(f"{name:20}", ", ".join(f"{outcome} {count}" for outcome, count in row.items()))
        print(f"{sum(outcomes.values())} calls, {len(faults)} faults", *faults, sep="\n\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
