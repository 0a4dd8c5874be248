"""`splatseg evaluate`: accuracy of a run against ground truth, or under a benchmark of the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import tyro

from splatseg.cli.arguments import Device, Form, MovedCapture, Printed, Split, opened
from splatseg.cli.console import Terminal
from splatseg.errors import PromptError
from splatseg.evaluate.protocols.names import ProtocolName

if TYPE_CHECKING:
    from splatseg.evaluate.protocols.score import ProtocolScore
    from splatseg.run.folder import Run
    from splatseg.select.match import Match


File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
Runs = Annotated[tuple[Path, ...], tyro.conf.arg(name="run", metavar="RUN [RUN ...]")]


@dataclass(frozen=True)
class Evaluate:
    """Measure a run: PSNR and SSIM, mIoU and boundary IoU of prompted objects, ARI of the automatic segments.

        splatseg evaluate RUN --gt DIR

    DIR holds instance label maps named as the views; ids listed as `stuff` in a scene.json beside DIR are told apart.
    Every object is prompted by its true mask in one training view and scored in the views of the split.

    Or score masks under a benchmark of the field, whose data set is in DIR: a run's, or those that any method wrote.

        splatseg evaluate --protocol lerf-mask DIR --run RUN
        splatseg evaluate --protocol lerf-mask DIR --predictions DIR
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|DIR")]
    """The run; with --protocol the folder of the benchmark's data set, or of one of its scenes."""
    gt: Folder = None
    """Folder of instance label maps (PNG), 0 = none."""
    split: Split = "test"
    """The views that are scored (with --gt)."""
    ignore: int | None = None
    """An id in the label maps that means unknown: such pixels count neither way."""
    protocol: ProtocolName | None = None
    """A benchmark: lerf-ovs selects in 3D (OpenGaussian's count), lerf-ovs-2d renders masks (LangSplat's)."""
    runs: Runs = ()
    """Runs to score under the protocol, one a scene, trained on its captures."""
    predictions: Folder = None
    """Masks to score under the protocol, laid out as its own tools write them."""
    prompts: Literal["oracle", "text"] = "oracle"
    """Prompts for a run: the true mask in the protocol's prompt view (oracle), or the protocol's words (text)."""
    model: str | None = None
    """With --prompts text: folder of the model that understands words, as for `splatseg select --text`."""
    segmenter: str | None = None
    """With --prompts text: folder of the model that turns the boxes of a detector into masks."""
    scenes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ()
    """Score these scenes of the data set only."""
    figures: File = None
    """Write all figures, prompt by prompt and view by view, to this file (with --protocol)."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="DIR")] = None
    """Write the run's masks here, in the layout that --predictions reads."""
    write_test_views: File = None
    """Only write the names of the views that the protocol holds out, for `splatseg train --test-views FILE`."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Evaluate, print the tables, write evaluation.json into the run or the file that was asked for."""
        if self.protocol is None:
            self._measure(terminal)
        elif self.write_test_views is not None:
            from splatseg.jobs.protocol import write_held_out

            summary = write_held_out(self.protocol, self.folder, self.write_test_views, self.scenes)
            terminal.result(summary)
        else:
            score = self._score(self.protocol, terminal)
            from splatseg.evaluate.tables import protocol_tables

            _list_missing(score, terminal)
            if self.figures is not None:
                from splatseg.files import write_json

                write_json(self.figures, score.to_json())
            terminal.result(protocol_tables(score), score.to_json())

    def _measure(self, terminal: Terminal) -> None:
        if self.gt is None:
            raise PromptError(
                "there is nothing to compare with; give --gt DIR (instance label maps), or --protocol "
                f"{'|'.join(get_args(ProtocolName))}"
            )
        run = opened(self.folder, self.capture)
        from splatseg.jobs.evaluate import evaluate_run

        result = evaluate_run(run, self.gt, self.split, self.ignore, terminal)
        terminal.result(result.table(), result.to_json())

    def _score(self, protocol: ProtocolName, terminal: Terminal) -> ProtocolScore:
        from splatseg.run.folder import open_run

        if (self.predictions is None) == (not self.runs):
            raise PromptError("--protocol scores runs (--run RUN) or masks (--predictions DIR); give one of the two")
        if self.prompts == "text" and not self.runs:
            raise PromptError("--prompts text asks a run; give --run RUN instead of --predictions")
        if self.prompts != "text" and (self.model or self.segmenter):
            raise PromptError("--model and --segmenter are for words; add --prompts text, or leave them away")
        runs = [open_run(path) for path in self.runs]
        from splatseg.evaluate.protocols.registry import PROTOCOLS
        from splatseg.evaluate.protocols.score import score_predictions

        if self.predictions is not None:
            return score_predictions(PROTOCOLS[protocol], self.folder, self.predictions, self.scenes)
        from splatseg.jobs.protocol import evaluate_protocol

        words = self._words(runs[0], terminal) if self.prompts == "text" else None
        return evaluate_protocol(runs, protocol, self.folder, self.scenes, words, self.output, terminal)

    def _words(self, first: Run, terminal: Terminal) -> Callable[[Run, str], Match]:
        from splatseg.scene.finding import WordFinder, open_word_model

        model = open_word_model(self.model, self.segmenter, first)
        splats_of = lru_cache(maxsize=1)(type(first).splats)
        return lambda run, text: WordFinder(run, model).find(splats_of(run), [text], reporter=terminal).match


def _list_missing(score: ProtocolScore, terminal: Terminal) -> None:
    missing = [f"{task.name}/{name}" for task in score.tasks for name in task.missing]
    if missing:
        total = sum(len(task.rows) for task in score.tasks)
        shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        terminal.warn(f"{len(missing)} of {total} predictions are missing and score 0: {shown}")
