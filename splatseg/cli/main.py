"""The command line: one subcommand a file, all thin. `splatseg --help` lists them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TextIO

import tyro

from splatseg.cli.console import Terminal
from splatseg.cli.demo import Demo
from splatseg.cli.evaluate import Evaluate
from splatseg.cli.export import Export
from splatseg.cli.info import Info
from splatseg.cli.masks import Masks
from splatseg.cli.refine import Refine
from splatseg.cli.render import Render
from splatseg.cli.segment import Segment
from splatseg.cli.select import Select
from splatseg.cli.train import Train
from splatseg.cli.view import View
from splatseg.cli.words import Words
from splatseg.errors import NotFoundError, SplatsegError
from splatseg.run.reporter import Reporter

USER_ERROR = 2
NOT_FOUND = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Masks, tyro.conf.subcommand("masks")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Segment, tyro.conf.subcommand("segment")]
    | Annotated[Refine, tyro.conf.subcommand("refine")]
    | Annotated[Words, tyro.conf.subcommand("words")]
    | Annotated[Select, tyro.conf.subcommand("select")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[Info, tyro.conf.subcommand("info")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code.

    0 is success, 2 a user's mistake, 3 words that mean nothing in the scene, 130 Ctrl-C, 141 a closed pipe.
    """
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `splatseg ... | head` has seen enough. What is left goes nowhere, also what Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    terminal = Terminal()
    try:
        # Settings check themselves as they are made, so parsing can find a user's mistake too.
        command: Command = tyro.cli(
            Command,
            args=arguments,
            prog="splatseg",
            description="3D segmentation for Gaussian splats, on any machine.",
            config=(tyro.conf.FlagCreatePairsOff,),
        )
        with _warnings_to(terminal):
            command.run(terminal)
    except SplatsegError as error:
        terminal.messages.print(f"error: {error}", style="red", soft_wrap=True, markup=False)
        return NOT_FOUND if isinstance(error, NotFoundError) else USER_ERROR
    except OSError as error:
        # What fails to be written where no stage tells it better: a folder without permission, a disk that is full.
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        where = f"{error.filename} cannot be read or written" if error.filename else "a file cannot be read or written"
        terminal.messages.print(
            f"error: {where} ({error.strerror}); name another place, or make room there",
            style="red",
            soft_wrap=True,
            markup=False,
        )
        return USER_ERROR
    except KeyboardInterrupt:
        terminal.messages.print("stopped; what was finished is kept", style="yellow")
        return INTERRUPTED
    return 0


@contextmanager
def _warnings_to(reporter: Reporter) -> Iterator[None]:
    """Show warnings to users as the reporter's; those to programmers stay Python's."""
    with warnings.catch_warnings():
        python = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, UserWarning):
                reporter.warn(str(message))
            else:
                python(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
