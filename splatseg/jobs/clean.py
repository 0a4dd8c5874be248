"""Cleans the splat of a run or a file: writes it anew without floaters, and says what went and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.clean.evidence import gather_evidence, rendered_of
from splatseg.clean.judge import Judgement, check_strength, held_by_segments, judge
from splatseg.clean.reasons import WORDS, reasons_of_words
from splatseg.errors import OutputError, PromptError
from splatseg.formats.write import write_splats
from splatseg.jobs.blocks.at_hand import check_written
from splatseg.jobs.export import Source
from splatseg.requests.cleaning import CleanOptions
from splatseg.run.reporter import NullReporter, Reporter, Summary

NO_VIEWS = (
    "a file has no views, so only what is seen of the Gaussians themselves was looked at; give the run, if there is one"
)


def clean_source(
    source: Source, output: Path, options: CleanOptions | None = None, reporter: Reporter | None = None
) -> Summary:
    """Write the splat of a source without its floaters to `output` and return a summary; the source is not changed.

    Segments, features and ids are kept. The training views of a run are asked, not those held out.

    Raises PromptError for a strength outside 0..1 or if nothing would be left, OutputError as
    `formats.write.write_splats` does and for an output that would replace the source.
    """
    options, output, reporter = options or CleanOptions(), Path(output), reporter or NullReporter()
    check_strength(options.strength)
    if source.owns(output):
        raise OutputError(f"{output} is part of what is cleaned and would be lost; name another file with -o")
    judgement = _judged(source, options, reporter)
    kept, count = ~judgement.gone, len(source.splats)
    if not kept.any():
        raise PromptError(f"all {count:,} Gaussians would go; give a lower --strength or only some --reasons")
    splats = source.splats.subset(kept)
    if source.splats.is_mapped:
        check_written(output, splats, options.format)
    written = write_splats(output, splats, source.segments, options.format, options.plain).summary
    lines = [f"removed {count - len(splats):,} of {count:,} Gaussians; counted by reason, some for several:"]
    lines += [f"  {line}" for line in judgement.describe()]
    return Summary(
        "\n".join([*lines, *([NO_VIEWS] if source.run is None else []), written]),
        gaussians=count,
        kept=len(splats),
        removed={word: judgement.count(reason) for reason, word in WORDS.items()},
        spared=judgement.spared,
        file=str(output),
    )


def _judged(source: Source, options: CleanOptions, reporter: Reporter) -> Judgement:
    splats = source.splats
    if source.run is None:
        evidence = gather_evidence(splats)
    else:
        cameras = [view.camera for view in source.run.capture.split("train")]
        rendered = len(rendered_of(cameras, len(splats)))
        with reporter.stage("looking for floaters", rendered) as advance:
            evidence = gather_evidence(splats, cameras, lambda done, total: advance(done))
    ids = np.zeros(len(splats), dtype=np.int32) if splats.segment_ids is None else splats.segment_ids.numpy()
    held = held_by_segments(splats.own_positions, ids, source.segments)
    return judge(evidence, options.strength, held, reasons_of_words(options.reasons))
