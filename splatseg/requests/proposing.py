"""Masks asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.masks.propose.settings import Precision, ProposeSettings


@dataclass(frozen=True)
class MasksRequest:
    """Masks to propose for a capture, and the machine to do it on.

    Example:
        >>> splatseg.MasksRequest("models/sam2.1-hiera-small", shard="2/4").downscale
        1
    """

    model: Annotated[str, tyro.conf.arg(metavar="PATH|NAME")] = "proposals"
    """A folder with a transformers model (SAM, SAM-HQ, SAM 2.1, EdgeTAM, SAM 3) or its name on the hub. Default:
    proposals from the image alone, without weights."""
    splats: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A splat of the capture. Its depth and edges show boundaries that colours do not: proposals without a model get
    much better."""
    settings: Annotated[ProposeSettings, tyro.conf.arg(name="")] = field(default_factory=ProposeSettings)
    """Settings of the model."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, ..."""
    precision: Precision = "auto"
    """auto is bfloat16 or float16 on a GPU, float32 on the CPU."""
    downscale: int = 1
    """Divide the size of the images by this."""
    shard: Annotated[str, tyro.conf.arg(metavar="I/N|auto[/N]")] = "1/1"
    """Make every N-th view only, beginning with the I-th: for N processes on one folder. auto takes both from SLURM's
    job array; auto/N takes I from the index of AWS Batch or Kubernetes, from 0."""
    overwrite: bool = False
    """Make masks anew that are there already."""
    force: bool = False
    """Take a splat that the photographs do not recognise."""
    skip_missing: bool = False
    """Work with the images that are there, where others that the capture names are absent."""
