"""What is printed and what is written say the same, and nothing that was not measured."""

from __future__ import annotations

import io
import json

from rich.console import Console

from splatseg.evaluate.images import ImageScore
from splatseg.evaluate.protocols.prompted import ObjectPrompt, ObjectScore, ProtocolResult, ProtocolSettings, ViewScore
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import ProtocolScore, TaskScore
from splatseg.evaluate.protocols.task import Row
from splatseg.evaluate.tables import Evaluation, protocol_tables


def scored(name: str, value: float) -> ObjectScore:
    prompt = ObjectPrompt(1, "003.jpg", 400, ("000.jpg", "008.jpg"))
    return ObjectScore(prompt, name, (ViewScore("000.jpg", value, value / 2), ViewScore("008.jpg", value, value / 2)))


def printed(evaluation: Evaluation) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(evaluation.table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_objects_means_and_stuff_are_printed() -> None:
    things = (scored("mug", 0.5), scored("vase", 0.9))
    objects = ProtocolResult(things, (scored("floor", 0.25),), ProtocolSettings())
    images = (ImageScore("000.jpg", 30.0, 0.9), ImageScore("008.jpg", 32.0, 0.8))
    evaluation = Evaluation(images, objects, ari=0.75)
    text = printed(evaluation)
    lines = [line for line in text.splitlines() if any(word in line for word in ("mug", "vase", "floor", "mean"))]
    assert [line.split()[1] for line in lines] == ["vase", "mug", "mean", "floor"]
    assert "mean of 2 things" in text and "0.700" in text and "0.350" in text
    assert "31.00" in text and "0.8500" in text and "0.750" in text
    means = {"psnr": 31.0, "psnr_colors_fitted": None, "ssim": 0.8500000000000001, "miou": 0.7, "mbiou": 0.35}
    assert evaluation.means() == means | {"ari": 0.75}
    assert json.loads(json.dumps(evaluation.to_json(), allow_nan=False))["objects"]["stuff"][0]["name"] == "floor"


def test_what_was_not_measured_is_not_shown() -> None:
    text = printed(Evaluation((ImageScore("a", 30.0, 0.9),)))
    assert "PSNR" in text and "mIoU" not in text and "ARI" not in text


def test_no_thing_gives_a_dash_and_no_nan() -> None:
    evaluation = Evaluation(objects=ProtocolResult((), (), ProtocolSettings()))
    assert "-" in printed(evaluation)
    json.dumps(evaluation.to_json(), allow_nan=False)


def test_a_benchmark_is_printed_prompt_by_prompt_beside_what_papers_report() -> None:
    rows = (Row("mug", "0", 0.5, 0.25, 0.9, 1, 2), Row("mug", "2", 0.0, 0.0, 0.0, 0, 2, missing=True))
    rows += (Row("vase", "0", 1.0, 1.0, 1.0, 2, 2),)
    protocol = PROTOCOLS["lerf-mask"]
    score = ProtocolScore(protocol, (TaskScore("figurines", rows, protocol.figures(rows)),), "oracle")
    console = Console(file=io.StringIO(), width=200)
    console.print(protocol_tables(score))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    def line(start: str) -> list[str]:
        return next(text for text in lines if text.strip("│ ").startswith(start)).replace("│", " ").split()

    assert line("mug") == ["mug", "2", "0.250", "0.125", "1"] and line("vase") == ["vase", "1", "1.000", "1.000"]
    assert line("mean of 1")[3:] == ["0.625", "0.562", "0.625", "0.750", "0.625"]
    assert line("this result, 1 scene")[4:] == ["62.5", "62.5", "56.2", "oracle"]
    assert line("CGC")[-5:] == ["80.3", "76.9", "text", "none", "remembered"]


def test_a_psnr_with_fitted_colours_has_a_name_and_a_column_of_its_own() -> None:
    result = Evaluation((ImageScore("a", 30.0, 0.9, 33.0), ImageScore("b", 32.0, 0.9, 34.0)))
    assert result.means()["psnr"] == 31.0 and result.means()["psnr_colors_fitted"] == 33.5
    text = printed(result)
    assert "31.00" in text and "33.50" in text and "colours fitted" in text
    assert Evaluation((ImageScore("a", 30.0, 0.9),)).means()["psnr_colors_fitted"] is None
