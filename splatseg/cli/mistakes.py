"""Mistakes in a command line, in one sentence: what was found, and what was probably meant.

tyro tells that something is wrong, in boxes that also name the options of other commands; here the words are compared
with the command's own options.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from splatseg.cli.options import Option, options_of

NEAR = 0.6
"""Least likeness of two words, as difflib counts it, that makes one a guess for the other [its own default]."""

_VALUE_ERROR = re.compile(r"Error parsing (\S+?):")
_RULE = re.compile(r"[-+─╭╮╰╯ ]*")
"""Lines of a box of tyro's, in the letters of any stream, but for its title."""


def unknown_command(word: str, commands: Iterable[str]) -> str:
    """Return the sentence for a word that is no command."""
    names = list(commands)
    meant = nearest(word, names)
    return f"there is no command '{word}'; " + (
        f"did you mean `splatseg {meant}`?" if meant else f"the commands are {', '.join(names)}"
    )


def mistake(name: str, command: type, words: Sequence[str], told: str) -> str:
    """Return the sentence for a command whose words behind its name cannot be parsed. told: what tyro says of it."""
    options = list(options_of(command))
    of_name = {spelling: option for option in options for spelling in option.names}
    lines = [line.strip("|│ ") for line in told.splitlines()[1:]]
    told = " ".join(line for line in lines if not _RULE.fullmatch(line)).partition("For full helptext")[0].strip()
    return (
        _unknown_option(name, words, of_name)
        or _bad_value(_given(words, of_name), of_name, told)
        or f"{_missing(name, options, told) or told}; `splatseg {name} --help` tells its options"
    )


def _unknown_option(name: str, words: Sequence[str], of_name: Mapping[str, Option]) -> str:
    for word in words:
        spelled = word.partition("=")[0]
        if _is_option(word) and spelled.replace("_", "-") not in of_name:
            meant = nearest(spelled, of_name)
            found = f"`splatseg {name}` has no option {spelled}; "
            return found + (f"did you mean {meant}?" if meant else f"`splatseg {name} --help` tells those it has")
    return ""


def _bad_value(given: Sequence[tuple[Option, str | None]], of_name: Mapping[str, Option], told: str) -> str:
    for option, value in given:
        spelled = option.names[-1]
        if value is None and option.value:
            return f"{spelled} needs a value: {spelled} {option.value}"
        if option.choices and value is not None and value not in option.choices:
            meant = nearest(value, option.choices)
            there = f"did you mean {meant}?" if meant else f"give one of {', '.join(option.choices)}"
            return f"{spelled} has no '{value}'; {there}"
    wrong = _VALUE_ERROR.search(told)
    blamed = None if wrong is None else of_name.get(wrong[1].rpartition("/")[2])
    if blamed is None:
        return ""
    values = [value for option, value in given if option == blamed]  # of several, the last one counts
    return f"{blamed.names[-1]} takes {blamed.value}, got '{values[-1] if values else ''}'"


def _missing(name: str, options: Sequence[Option], told: str) -> str:
    """Return the sentence for what is missing, or too much; empty for anything else."""
    if "Missing from" in told:
        missing = [option for option in options if option.required and (*option.names, option.value)[0] in told]
        usages = [f"{option.names[0]} {option.value}" if option.names else option.value for option in missing]
        return f"`splatseg {name}` needs {' and '.join(usages)}"
    if "Unrecognized" in told:
        return f"`splatseg {name}` does not know what to do with {told.partition(':')[2].strip()}"
    return ""


def nearest(word: str, names: Iterable[str]) -> str:
    """Return the name that is most like a word; empty if none is near."""
    found = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=NEAR)
    return found[0] if found else ""


def _is_option(word: str) -> bool:
    return re.match(r"--?[A-Za-z]", word) is not None


def _given(words: Sequence[str], of_name: Mapping[str, Option]) -> list[tuple[Option, str | None]]:
    """Return the options among the words with the value behind each; None for one without."""
    found: list[tuple[Option, str | None]] = []
    for place, word in enumerate(words):
        spelled, joined, value = word.partition("=")
        option = of_name.get(spelled.replace("_", "-")) if _is_option(word) else None
        if option is not None:
            after = words[place + 1] if place + 1 < len(words) else None
            behind = None if after is not None and _is_option(after) else after
            found.append((option, value if joined else behind))
    return found
