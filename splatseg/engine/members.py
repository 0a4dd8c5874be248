"""The workers of a cluster, and which of them are fit: of this version of splatseg, with one task at a time.

Other versions give other bits, and may not understand what they are told. They are found by what Dask itself tells of a
worker, so that nothing is run there first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from splatseg.version import __version__

if TYPE_CHECKING:
    from distributed import Client

UNINSTALLED = "0+uninstalled"
"""Version where the package has none, as in `version`."""


@dataclass(frozen=True)
class Member:
    """A worker of a cluster."""

    name: str
    """Name, as Dask calls it."""
    cards: int
    """Cards (GPUs) that it declares."""
    unfit: str | None
    """Reason why it gets no work, in a sentence with its name; None if it is fit."""


def members_of(client: Client) -> dict[str, Member]:
    """Return the workers that a cluster has now, by address."""
    known = client.scheduler_info()["workers"]
    versions: Any = client.get_versions(packages=["splatseg", "torch"]) if known else {"workers": {}}
    told: Mapping[str, Any] = versions["workers"]
    found = {}
    for address, facts in known.items():
        name = str(facts["name"])
        packages = told.get(address, {}).get("packages") if isinstance(told.get(address), Mapping) else None
        cards = int(facts.get("resources", {}).get("GPU", 0))
        if packages is not None:  # None: it is going
            found[address] = Member(name, cards, unfit_of(name, packages, int(facts["nthreads"])))
    return found


def unfit_of(name: str, packages: Mapping[str, str | None], threads: int) -> str | None:
    """Return why a worker gets no work, in a sentence; None if it is fit.

    packages: versions of `python`, `splatseg` and `torch`; None for those that are missing. threads: of Dask.
    """
    theirs = packages.get("splatseg") or UNINSTALLED
    if theirs != __version__:
        return _differs(name, "splatseg", theirs, __version__)
    python = ".".join((packages.get("python") or "").split(".")[:2])
    if python != f"{sys.version_info[0]}.{sys.version_info[1]}":
        return _differs(name, "Python", python, f"{sys.version_info[0]}.{sys.version_info[1]}")
    torch, own = packages.get("torch") or "none", version("torch")
    if torch.partition(".")[0] != own.partition(".")[0]:
        return _differs(name, "torch", torch, own)
    if threads != 1:
        return f"the worker {name} does {threads} tasks at once; start it with: dask worker --nthreads 1 --nworkers N"
    return None


def _differs(name: str, what: str, theirs: str, ours: str) -> str:
    return f"the worker {name} has {what} {theirs}, and here is {ours}; install the same, and start it again"
