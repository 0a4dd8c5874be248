"""What Linux tells of the memory of a process, for benchmarks; it loads nothing that would count itself."""

from __future__ import annotations

from pathlib import Path


def memory(process: int | str = "self") -> dict[str, int]:
    """Bytes by name, of a process that runs: RssAnon, in memory and in no file; VmHWM, the most that it has held."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if line.endswith(" kB")}
