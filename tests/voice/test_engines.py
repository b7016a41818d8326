"""Finding an engine by name, and what an administrator reads when it is not there."""

import importlib
from types import ModuleType

import pytest

from linegram.errors import UnavailableError
from linegram.voice.engines import make_engine


def test_an_unknown_engine_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnavailableError, match='no voice engine "tin can"; there is: ntgcalls'):
        make_engine("tin can")


def test_an_engine_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'ntgcalls'")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(UnavailableError, match=r"pip install .linegram\[ntgcalls\]"):
        make_engine("ntgcalls")
