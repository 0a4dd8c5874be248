"""Models are read from folders without a network; the hub is asked only for names, and only if it may be."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from splatseg.errors import WeightsError
from splatseg.models import pretrained

CPU = torch.device("cpu")


class Library:
    """Stands in for transformers: records what is asked for, and has only folders, its cache and the hub."""

    def __init__(self, cached: tuple[str, ...] = (), on_hub: tuple[str, ...] = ()) -> None:
        self.asked: list[dict[str, Any]] = []
        self._cached, self._on_hub = cached, on_hub
        self.AutoConfig = self.AutoProcessor = self.AutoModel = SimpleNamespace(from_pretrained=self._load)

    def _load(self, place: str, **options: Any) -> Any:
        self.asked.append({"place": place, **options})
        here = Path(place).is_dir() or place in self._cached
        if not here and (options.get("local_files_only") or place not in self._on_hub):
            raise OSError(f"{place} is not here")
        network = torch.nn.Linear(1, 1)
        return (network, {"missing_keys": [], "mismatched_keys": []}) if "output_loading_info" in options else network


def _library(monkeypatch: pytest.MonkeyPatch, **places: tuple[str, ...]) -> Library:
    library = Library(**places)
    monkeypatch.setattr(pretrained, "import_transformers", lambda: library)
    for name in pretrained.OFFLINE:
        monkeypatch.delenv(name, raising=False)
    return library


def _load_all(name: str) -> None:
    pretrained.read_config(name)
    pretrained.load_network(name, "AutoModel", CPU)
    pretrained.load_processor(name)


def test_a_folder_is_read_without_a_network_pickles_or_foreign_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = _library(monkeypatch)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _load_all(str(tmp_path))
    assert len(library.asked) == 3
    assert all(asked["local_files_only"] and asked["trust_remote_code"] is False for asked in library.asked)
    assert [asked.get("use_safetensors") for asked in library.asked] == [None, True, None]


def test_a_name_in_the_cache_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    library = _library(monkeypatch, cached=("owner/model",), on_hub=("owner/model",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _load_all("owner/model")
    assert all(asked["local_files_only"] for asked in library.asked)


def test_a_name_that_is_fetched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = _library(monkeypatch, on_hub=("owner/model",))
    with pytest.warns(UserWarning, match=r"'owner/model' is neither a folder here .* fetched from the hub .*OFFLINE=1"):
        pretrained.load_network("owner/model", "AutoModel", CPU)
    fetched = library.asked[-1]
    assert "local_files_only" not in fetched
    assert fetched["use_safetensors"] is True and fetched["trust_remote_code"] is False


@pytest.mark.parametrize("variable", pretrained.OFFLINE)
def test_nothing_is_fetched_offline(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    library = _library(monkeypatch, on_hub=("owner/model",))
    monkeypatch.setenv(variable, "1")
    for load in (pretrained.read_config, pretrained.load_processor):
        with pytest.raises(WeightsError, match=r"it must not be fetched here; give the folder .*--model$"):
            load("owner/model")
    assert all(asked["local_files_only"] for asked in library.asked)


def test_a_name_that_no_user_gave_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    library = _library(monkeypatch, on_hub=("owner/model",))
    with pretrained.without_fetching(), pytest.raises(WeightsError, match="must not be fetched here"):
        pretrained.read_config("owner/model")
    assert all(asked["local_files_only"] for asked in library.asked)
    with pytest.warns(UserWarning, match="fetched from the hub"):
        pretrained.read_config("owner/model")


def test_pickled_weights_alone_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = _library(monkeypatch)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    for load in (pretrained.read_config, pretrained.load_processor):
        with pytest.raises(WeightsError, match=r"holds pickled weights only \(\*\.bin\), which may run code when read"):
            load(tmp_path)
    assert library.asked == []
    shutil.copy(tmp_path / "pytorch_model.bin", tmp_path / "model.safetensors")
    pretrained.read_config(tmp_path)
    assert len(library.asked) == 1
