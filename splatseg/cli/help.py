"""Help texts: all commands on one screen; for one command, the types and defaults of its options in few words."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Mapping
from typing import Annotated

import tyro

from splatseg.cli.options import options_of

WIDEST = 100
"""Most columns of the list of commands, which is read line by line."""


def overview(commands: Mapping[str, type]) -> str:
    """Return the help text without a command: what there is, a sentence each."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    column = max(map(len, commands)) + 4
    lines = ["usage: splatseg COMMAND [OPTIONS]", "", "3D segmentation for Gaussian splats, on any machine.", ""]
    for name, kind in commands.items():
        begin, below = f"  {name:<{column - 2}}", " " * column
        lines += textwrap.wrap(_first_sentence(kind), width, initial_indent=begin, subsequent_indent=below)
    ends = (
        "`splatseg COMMAND --help` tells its options. Every command takes --json, for its result as one JSON object, "
        "and -q, for no progress. `splatseg --version` tells the version. To begin: `splatseg demo`."
    )
    return "\n".join([*lines, "", *textwrap.wrap(ends, width)])


def _first_sentence(kind: type) -> str:
    paragraph = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".;")


def shorten(command: type) -> None:
    """Name the types in the help text of a command as `options_of` does, and leave out defaults that are nothing.

    Changes the annotations of its dataclasses, so it is for a process that shows the text.
    """
    for option in options_of(command):
        hint = option.owner.__annotations__[option.field]
        behind = (lambda label: "") if option.empty and not option.repeated else None
        mark = tyro.conf.arg(metavar=option.value or None, help_behavior_hint=behind)
        option.owner.__annotations__[option.field] = Annotated[hint, mark]
