"""Parses the words behind the name of a command into the dataclass of the command, or tells the mistake in a sentence.

Words behind `--` are not the command's own but of the jobs that it does: they are its `options`, if its dataclass says
that it takes_options.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Any

import tyro

from splatseg.cli.mistakes import mistake
from splatseg.errors import SplatsegError

BEHIND = "--"
"""Word behind which those of other commands stand."""


class CommandLineError(SplatsegError):
    """A command line that is none."""


def before(words: Sequence[str]) -> list[str]:
    """Return the words of a command line that are before `--`."""
    return list(words[: words.index(BEHIND)] if BEHIND in words else words)


def parse_command(name: str, kind: type, words: Sequence[str]) -> Any:
    """Return the command of a kind, its dataclass; None if its help text was asked for. Raises CommandLineError."""
    takes = getattr(kind, "takes_options", False)
    own = before(words) if takes else list(words)
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            command: Any = tyro.cli(kind, args=own, prog=f"splatseg {name}", config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as end:
        if not end.code:
            return None
        raise CommandLineError(mistake(name, kind, own, told.getvalue())) from None
    if not takes:
        return command
    if command.options:
        raise CommandLineError(
            f"`splatseg {name}` does not know what to do with {' '.join(command.options)}; put options of the job "
            f"behind {BEHIND}"
        )
    return dataclasses.replace(command, options=tuple(words[len(own) + 1 :]))
