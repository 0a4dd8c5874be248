"""The command line: one subcommand a file in `cli.commands`, all thin. `splatseg --help` lists them."""

from __future__ import annotations

import io
import os
import signal
import sys
import typing
from contextlib import suppress
from typing import Annotated, Any

import tyro

from splatseg.cli.commands.batching.batch import Batch
from splatseg.cli.commands.capture import Capture
from splatseg.cli.commands.clean import Clean
from splatseg.cli.commands.demo import Demo
from splatseg.cli.commands.evaluate import Evaluate
from splatseg.cli.commands.export import Export
from splatseg.cli.commands.info import Check, Info
from splatseg.cli.commands.masks import Masks
from splatseg.cli.commands.refine import Refine
from splatseg.cli.commands.render import Render
from splatseg.cli.commands.report import Report
from splatseg.cli.commands.segment import Segment
from splatseg.cli.commands.select import Select
from splatseg.cli.commands.train import Train
from splatseg.cli.commands.view import View
from splatseg.cli.commands.words import Words
from splatseg.cli.console import Terminal
from splatseg.cli.doing import do_command, sentence_of
from splatseg.cli.help import overview, shorten
from splatseg.cli.mistakes import unknown_command
from splatseg.cli.parsing import CommandLineError, before, parse_command
from splatseg.errors import NotFoundError, SplatsegError

USER_ERROR = 2
NOT_FOUND = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Capture, tyro.conf.subcommand("capture")]
    | Annotated[Masks, tyro.conf.subcommand("masks")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Segment, tyro.conf.subcommand("segment")]
    | Annotated[Refine, tyro.conf.subcommand("refine")]
    | Annotated[Words, tyro.conf.subcommand("words")]
    | Annotated[Select, tyro.conf.subcommand("select")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Clean, tyro.conf.subcommand("clean")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[Batch, tyro.conf.subcommand("batch")]
    | Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Info, tyro.conf.subcommand("info")]
)

COMMANDS: dict[str, Any] = {
    typing.get_args(each)[1].name: typing.get_args(each)[0] for each in typing.get_args(Command)
}
"""The dataclass of each command, by its name."""

FORMS = ("--json", "--quiet", "-q")
"""Options that every command has; they may stand before its name, too."""

HELP = ("-h", "--help")


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code.

    0 is success, 2 a user's mistake, 3 words that mean nothing in the scene, 130 Ctrl-C or SIGTERM, 141 a closed pipe.
    """
    _open_streams()
    # A request to end is one like Ctrl-C: what is half done is removed, and a sentence says so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = 0
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `splatseg ... | head` has seen enough.
        code = PIPE_CLOSED
        _silence()
    except OSError as error:
        # `splatseg ... > FILE` on a disk that is full.
        _silence()
        with suppress(OSError):  # messages may go there, too
            if code == 0:
                sys.stderr.write(f"error: the output cannot be written ({error.strerror}); send it elsewhere\n")
        code = USER_ERROR
    sys.exit(code)


def _open_streams() -> None:
    """Make both streams accept any text. A stream that the caller has closed goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding does not have is shown by its numbers: no result is lost for a letter.
            stream.reconfigure(errors="backslashreplace")


def _silence() -> None:
    """Send what is left in stdout nowhere, also what Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Said before the arguments are parsed, which fails in the form that was asked for.
    own = before(arguments)
    terminal = Terminal(as_json="--json" in own, quiet=bool({"-q", "--quiet"} & set(own)))
    try:
        # Settings check themselves as they are made, so parsing can find a user's mistake too.
        command = _parsed(arguments, terminal)
        if isinstance(command, int):
            return command
        do_command(command, terminal)
    except (SplatsegError, OSError, RuntimeError) as error:
        told = sentence_of(error)
        if told is None:
            raise
        terminal.error(told)
        return NOT_FOUND if isinstance(error, NotFoundError) else USER_ERROR
    except KeyboardInterrupt:
        terminal.stopped()
        return INTERRUPTED
    return 0


def _parsed(arguments: list[str], terminal: Terminal) -> Command | int:
    """Return the command, or an exit code if there is none to run: help and version. Raises CommandLineError."""
    leading = next((k for k, word in enumerate(arguments) if word not in FORMS), len(arguments))
    words = [*arguments[leading : leading + 1], *arguments[:leading], *arguments[leading + 1 :]]
    if words[:1] == ["--version"]:
        from splatseg.version import __version__

        terminal.result(f"splatseg {__version__}", {"version": __version__})
        return 0
    if leading == len(arguments) or words[0] in HELP:
        terminal.result(overview(COMMANDS), {"commands": list(COMMANDS)})
        return 0 if leading < len(arguments) else USER_ERROR
    name, *rest = words
    if name.startswith("--tyro-"):  # completion, of all commands
        tyro.cli(Command, args=words, prog="splatseg", config=(tyro.conf.FlagCreatePairsOff,))
    if name not in COMMANDS:
        raise CommandLineError(unknown_command(name, COMMANDS))
    if set(HELP) & set(before(rest)):
        shorten(COMMANDS[name])
    command: Command | None = parse_command(name, COMMANDS[name], rest)
    return 0 if command is None else command
