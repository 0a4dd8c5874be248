"""The device is decided in one place; what is missing is said in one sentence, and auto goes on without."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from scenes import colorful_splats

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.errors import BackendError
from splatseg.machine import devices


class Machine:
    """A machine as torch and Warp describe it, to be changed by tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuda: str | None = "13.0"
        self.cards = 1
        self.capability = (9, 0)
        self.warp_works = True
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: self.cards > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: self.cards)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: self.capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some Card")
        monkeypatch.setitem(sys.modules, "warp", types.SimpleNamespace(is_cuda_available=lambda: self.warp_works))
        monkeypatch.setattr(devices, "find_spec", lambda _: object())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture(autouse=True)
def decided_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(devices, "_repeat_runs", lambda: None)
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    monkeypatch.setattr(devices, "_decided", {})
    monkeypatch.setattr(devices, "_named", {})
    yield


def test_auto_is_the_card_if_all_is_well_and_info_names_it(machine: Machine) -> None:
    assert devices.current() == torch.device("cuda", 0)
    assert devices.described().startswith("cuda:0 (Some Card); the developers have not run this part on a card yet")


def test_an_option_goes_before_the_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.cards = 2
    monkeypatch.setenv(devices.VARIABLE, "cuda:1")
    assert devices.current() == torch.device("cuda", 1)
    devices.use("cpu")
    assert devices.current() == torch.device("cpu")
    assert devices.described() == "cpu"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cards": 0}, "torch finds no NVIDIA card with a working driver; install or update the driver"),
        ({"capability": (7, 0)}, "Some Card is of compute capability 7.0, and NVIDIA Warp needs 7.5 or later"),
        ({"warp_works": False}, "the driver is too old for the installed NVIDIA Warp; update the driver"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], said: str
) -> None:
    vars(machine).update(change)
    devices.use("cuda")
    with pytest.raises(BackendError) as caught:
        devices.current()
    assert str(caught.value).startswith(f"the device 'cuda' cannot be used: {said}")
    assert "--device cpu" in str(caught.value)
    devices.use("auto")
    monkeypatch.setattr(devices, "DRIVER_FILES", (__file__,))
    with pytest.warns(UserWarning, match=f"lies idle: {said[:40]}"):
        assert devices.current() == torch.device("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert devices.current() == torch.device("cpu"), "it is said once"


def test_torch_without_cuda_and_absent_warp_are_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    devices.use("cuda")
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with pytest.raises(BackendError, match=r'pip install "splatseg\[cuda\]"'):
        devices.current()
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(BackendError, match="was built without CUDA; install a build with it"):
        devices.current()


def test_a_card_that_is_not_there_is_refused_with_those_that_are(machine: Machine) -> None:
    devices.use("cuda:7")
    with pytest.raises(BackendError, match="'cuda:7' cannot be used: this machine has 1 card, cuda:0 to cuda:0"):
        devices.current()


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "auto:1", "cuda:-1", ""])
def test_a_name_that_is_none_is_refused(machine: Machine, name: str) -> None:
    devices.use(name)
    with pytest.raises(BackendError, match="name one of auto, cpu, cuda"):
        devices.current()


def test_networks_need_no_warp(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    assert devices.current(kernels=False) == torch.device("cuda", 0)
    assert devices.current() == torch.device("cpu")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_command_ends_before_its_work_if_its_device_is_not_there(
    by: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["train", str(demo_capture()), "-o", str(tmp_path / "run")]
    if by == "environment":
        monkeypatch.setenv(devices.VARIABLE, "cuda:7")
    assert run([*arguments, *(["--device", "cuda:7"] if by == "option" else [])]) == 2
    assert "'cuda:7' cannot be used: this machine has 1 card" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_card_without_memory_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def end(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB. GPU 0 has 8 GiB.")

    monkeypatch.setattr("splatseg.jobs.train.start_run", end)
    assert run(["train", str(demo_capture()), "-o", str(tmp_path / "run"), "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "the card has no memory left (CUDA out of memory); use --downscale" in said


def test_a_machine_without_a_card_says_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.cards = 0
    monkeypatch.setattr(devices, "DRIVER_FILES", ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert devices.current() == torch.device("cpu")
    assert devices.described().startswith("cpu (torch finds no NVIDIA card")


def test_what_is_looked_at_again_and_again_goes_to_the_card_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "current", lambda: torch.device("meta"))  # a device that every machine has
    tensor, learnt = torch.ones(3), torch.ones(3, requires_grad=True)
    copy = devices.resident(tensor)
    assert copy.device.type == "meta" and devices.resident(tensor) is copy
    assert devices.resident(copy) is copy
    assert devices.resident(learnt) is not devices.resident(learnt), "its gradient shall not be taken twice"
    tensor.add_(1)
    assert devices.resident(tensor) is not copy
    kept = len(devices._copies)
    del tensor
    assert len(devices._copies) == kept - 1, "a copy goes with its tensor"


def test_on_the_processor_nothing_is_copied() -> None:
    tensor = torch.ones(3)
    assert devices.resident(tensor) is tensor


def test_a_splat_on_the_card_shares_copies_with_one_that_differs_in_one_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "current", lambda: torch.device("meta"))
    splats = colorful_splats(9)
    faded = splats.replace(opacity_logits=splats.opacity_logits - 1)
    assert splats.resident.means is faded.resident.means
    assert splats.resident.means.device.type == "meta"
    assert splats.resident.opacity_logits is not faded.resident.opacity_logits
