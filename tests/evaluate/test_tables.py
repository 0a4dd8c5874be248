"""What is printed and what is written say the same, and nothing that was not measured."""

from __future__ import annotations

import io
import json

from rich.console import Console

from splatseg.evaluate.images import ImageScore
from splatseg.evaluate.protocols import ObjectPrompt, ObjectScore, ProtocolResult, ProtocolSettings, ViewScore
from splatseg.evaluate.tables import Evaluation


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
    assert evaluation.means() == {"psnr": 31.0, "ssim": 0.8500000000000001, "miou": 0.7, "mbiou": 0.35, "ari": 0.75}
    assert json.loads(json.dumps(evaluation.to_json(), allow_nan=False))["objects"]["stuff"][0]["name"] == "floor"


def test_what_was_not_measured_is_not_shown() -> None:
    text = printed(Evaluation((ImageScore("a", 30.0, 0.9),)))
    assert "PSNR" in text and "mIoU" not in text and "ARI" not in text


def test_no_thing_gives_a_dash_and_no_nan() -> None:
    evaluation = Evaluation(objects=ProtocolResult((), (), ProtocolSettings()))
    assert "-" in printed(evaluation)
    json.dumps(evaluation.to_json(), allow_nan=False)
