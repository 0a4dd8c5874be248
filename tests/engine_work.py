"""Work for the workers of tests, in a module that other processes can import; and a program that is interrupted."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import MaskError


def square(number: int) -> int:
    """The square of a number; tells of each on its output, in Python and below it."""
    print(f"squaring {number}")  # noqa: T201 (to be found in its log)
    os.write(2, f"below, too: {number}\n".encode())
    return number * number


def fail(number: int) -> int:
    """Fail in a way of each number."""
    if number == 0:
        raise MaskError("no mask in there; name another folder")
    if number == 1:
        raise ValueError("two\nlines")
    if number == 2:
        raise SystemExit(3)
    return number


def variables(names: str) -> list[str | None]:
    """Variables of the environment of the worker, and the threads of torch."""
    import torch

    return [*(os.environ.get(name) for name in names.split()), str(torch.get_num_threads())]


def take(megabytes: int) -> int:
    """Take memory, for long enough to be seen."""
    taken = bytearray(os.urandom(1 << 20) * megabytes)
    time.sleep(0.5 if megabytes < 1000 else 20)
    return len(taken)


@dataclass(frozen=True)
class Slow:
    """Work that leaves the id of its process in a folder, and takes a while."""

    folder: str
    seconds: float

    def __call__(self, number: int) -> int:
        """Return the square of a number, later."""
        (Path(self.folder) / f"{number}.{os.getpid()}").touch()
        time.sleep(self.seconds)
        return number * number


def begun(folder: Path, number: int) -> list[int]:
    """The processes that began an item, by its `Slow`."""
    return [int(path.suffix[1:]) for path in folder.glob(f"{number}.*")]


def main() -> None:
    """Work on two workers for a minute, and end as the command line does when it is interrupted."""
    from splatseg.engine.opening import open_engine
    from splatseg.engine.request import EngineRequest

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with open_engine(EngineRequest(workers=2, memory=1 << 30)) as engine:
            list(engine.map(Slow(sys.argv[1], 60.0), range(2)))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
