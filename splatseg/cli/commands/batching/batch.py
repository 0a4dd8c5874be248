"""`splatseg batch`: one job on many scenes, in a folder that tells how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from splatseg.cli.arguments import Form, Printed
from splatseg.cli.console import Terminal
from splatseg.plain_text import first_few
from splatseg.requests.batching import BatchRequest

Options = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="-- OPTIONS")]
Do = Literal["train", "masks", "segment", "evaluate", "export"]


@dataclass(frozen=True)
class Batch:
    """Do one job on many scenes, several at once: train on every capture of a list or a folder, for example.

        splatseg batch captures.txt -o OUT --workers 4 -- --masks {capture}/masks
        splatseg batch OUT -o OUT --do export -- --format spz

    Each scene is a run in OUT; OUT/status.html shows all of them, and OUT/batch holds a log of each. Repeated, the
    command goes on: what is done is skipped. A list is a text file with a path a line, from the list's own folder,
    and behind it options for this scene alone; --name NAME calls it otherwise than its folder.
    """

    takes_options: ClassVar[bool] = True
    """Words behind -- are `options` (`cli.parsing`)."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="LIST|FOLDER")]
    """A list of captures, or the folder that they are in. For segment, evaluate and export: of runs."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="OUT")]
    """The folder of the batch."""
    options: Options = ()
    """Options of the job, for every scene. {name} and {capture} stand for the scene's name and path."""
    do: Do = "train"
    """The job."""
    request: Annotated[BatchRequest, tyro.conf.arg(name="")] = field(default_factory=BatchRequest)
    """The workers, and what is done with scenes of an earlier batch."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Check every line, do all of them, and print how many are done; those that failed are an error."""
        from splatseg.cli.commands.batching.tasks import tasks_of

        tasks, others = tasks_of(self.source, self.output, self.do, self.options, self.request.overwrite)
        if others:
            terminal.say(f"left out, because they are no scenes: {first_few(others)} ({len(others)} in all)")
        from splatseg.cli.commands.batching.board import Board
        from splatseg.jobs.batching.batch import run_batch

        with Board(terminal, len(tasks)) as board:
            batch = run_batch(tasks, self.output, self.request, self.do, terminal, board.show)
        terminal.result(batch.summary)
        batch.check()
