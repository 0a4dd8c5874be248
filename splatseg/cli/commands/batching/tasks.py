"""Tasks of a batch from its list: the command line of every scene, parsed by its own command before anything starts.

Of each scene a line of words is made: the options of the batch (behind --) and its own of the list, with {name} and
{capture} filled in and with paths from where they were written, the list or the working folder: workers are elsewhere.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.cli.commands.batching.listing import Line, at_line, read_lines
from splatseg.cli.commands.batching.verbs import VERBS, Verb
from splatseg.cli.console import Terminal
from splatseg.cli.doing import do_command, sentence_of
from splatseg.cli.options import Option, options_of
from splatseg.cli.parsing import CommandLineError, parse_command
from splatseg.errors import CaptureError, RunError, SplatsegError
from splatseg.jobs.batching.task import Task, check_names
from splatseg.run.reporter import Reporter, Summary

PLACEHOLDERS = ("name", "capture")
"""Words in braces that stand for the name and the path of each scene."""

OWN = ("-o", "--output", "--resume", "--overwrite", "--json", "-q", "--quiet", "-h", "--help")
"""Options that a batch sets itself."""

_PATHS = re.compile(r"\b(DIR|FILE|PATH|CAPTURE|RUN)\b")
_KEYWORDS = ("auto", "none")


class _Answer(Terminal):
    """The terminal of a command in a worker: all goes to the scene's log, and the result is kept."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(quiet=True)
        self.summary = Summary("")
        self._reporter = reporter

    def result(self, shown: Any, facts: Any = None) -> None:
        own = shown.facts if isinstance(shown, Summary) else {}
        self.summary = Summary(str(shown) if isinstance(shown, str) else "", **{**own, **(facts or {})})

    def stage(self, name: str, total: int) -> Any:
        return self._reporter.stage(name, total)

    def say(self, text: str) -> None:
        self._reporter.say(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)


@dataclass(frozen=True)
class Commanded:
    """The work of a task: a command, as the command line does it."""

    command: Any
    """The dataclass of the command."""

    def __call__(self, reporter: Reporter) -> Summary:
        """Do the command and return its result. Raises its errors; those of the system as a sentence."""
        answer = _Answer(reporter)
        try:
            do_command(self.command, answer)
        except (OSError, RuntimeError) as error:
            told = sentence_of(error)
            if told is None:
                raise
            raise RunError(told) from None
        return answer.summary


def tasks_of(source: Path, out: Path, do: str, options: Sequence[str], overwrite: bool) -> tuple[list[Task], list[str]]:
    """Return a task for every scene of a list or a folder, and the sub-folders that are none.

    All are checked: captures and runs are there, names differ, options are the command's. Raises the first error, with
    its line and the number of other lines with one.
    """
    verb = VERBS[do]
    lines, others = read_lines(source, verb.is_scene, verb.noun)
    own = _absolute(verb.kind, options, Path.cwd())
    _refuse_own(options)
    parse, tasks, mistakes = _Parser(do, verb), list[Task](), list[str]()
    for line in lines:
        try:
            _refuse_own(line.options)
            words = [*own, *_absolute(verb.kind, line.options, line.base)]
            tasks.append(_task(line, verb, do, out, parse, words, overwrite))
        except SplatsegError as error:
            mistakes.append(at_line(line, error))
    if mistakes:
        more = len(mistakes) - 1
        also = f" ({more} other {'lines have' if more > 1 else 'line has'} mistakes too)" if more else ""
        raise CaptureError(f"{mistakes[0]}{also}")
    _check_names(lines)
    return tasks, others


def _task(line: Line, verb: Verb, do: str, out: Path, parse: _Parser, words: Sequence[str], overwrite: bool) -> Task:
    words, command = [_filled(word, line) for word in words], _filled(parse(words), line)
    output = verb.output(out.absolute(), line.name, command) if verb.output else None
    command = verb.placed(command, line.source, output, overwrite)
    verb.check(command)
    places = [str(line.source), *(["-o", str(output)] if output else [])]
    told = shlex.join(["splatseg", do, *places, *words, *(["--resume"] if verb.makes_runs else [])])
    shown = output if verb.makes_runs else line.source if verb.noun == "run" else None
    made_of = tuple(line.source / name for name in verb.made_of)
    return Task(line.name, Commanded(command), (str(line.source), *_grouped(words)), told, shown, output, made_of)


class _Parser:
    """Parses words of options; the same words once, since thousands of lines have the same until they are filled in."""

    def __init__(self, do: str, verb: Verb) -> None:
        self._do, self._verb = do, verb
        self._known: dict[tuple[str, ...], Any] = {}

    def __call__(self, words: Sequence[str]) -> Any:
        key = tuple(words)
        if key not in self._known:
            places = ["scene", *(["-o", "output"] if self._verb.output else [])]
            self._known[key] = parse_command(self._do, self._verb.kind, [*places, *words])
        return self._known[key]


def _refuse_own(words: Sequence[str]) -> None:
    own = next((word for word in words if word.partition("=")[0] in OWN), None)
    if own is not None:
        raise CommandLineError(
            f"{own} is not for single scenes of a batch; leave it out, or give it to `splatseg batch` itself, before --"
            if own != "--resume"
            else "--resume is not needed: a batch that is repeated goes on by itself; leave it out"
        )


def _filled(value: Any, line: Line) -> Any:
    """Return a word, or a dataclass with all that is in it, with placeholders filled in. Raises CommandLineError."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: _value(found[1], line), value)
    if isinstance(value, Path):
        return Path(_filled(str(value), line))
    if isinstance(value, tuple):
        return tuple(_filled(each, line) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        changed = {name: new for name, old in own.items() if (new := _filled(old, line)) != old}
        return dataclasses.replace(value, **changed) if changed else value
    return value


def _value(name: str, line: Line) -> str:
    if name not in PLACEHOLDERS:
        raise CommandLineError(f"there is no {{{name}}} to fill in; there are {{name}} and {{capture}}")
    return line.name if name == "name" else str(line.source)


def _absolute(kind: type, words: Sequence[str], base: Path) -> list[str]:
    """Return words in which the values of options that are paths do not depend on the working folder."""
    of_name = {name: option for option in options_of(kind) for name in option.names}
    found: list[str] = []
    option: Option | None = None
    for word in words:
        spelled, joined, value = word.partition("=")
        if word.startswith("-") and spelled.replace("_", "-") in of_name:
            option = of_name[spelled.replace("_", "-")]
            found.append(f"{spelled}={_placed(value, option, base)}" if joined else word)
        else:
            found.append(word if option is None else _placed(word, option, base))
    return found


def _placed(value: str, option: Option, base: Path) -> str:
    if not _PATHS.search(option.value) or value.startswith("{") or value in _KEYWORDS:
        return value
    place = base / Path(value).expanduser()
    is_name = "NAME" in option.value or "TEXT" in option.value
    return value if is_name and not place.exists() else str(place)


def _grouped(words: Iterable[str]) -> list[str]:
    """Return each option with its values as one text."""
    found: list[str] = []
    for word in words:
        if word.startswith("-") or not found:
            found.append(word)
        else:
            found[-1] += f" {word}"
    return found


def _check_names(lines: Sequence[Line]) -> None:
    places: dict[str, Line] = {}
    for line in lines:
        before = places.setdefault(line.name.casefold(), line)
        if before is not line:
            raise CaptureError(
                f"{before.place} and {line.place} are both called {line.name}; give one of them another name with "
                "--name NAME in its line"
            )
        try:
            check_names([line.name])
        except SplatsegError as error:
            raise CaptureError(at_line(line, error)) from None
