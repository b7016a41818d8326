"""Finding an engine by name, and what an administrator reads when it is not there."""

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType

import pytest

from linegram.errors import UnavailableError
from linegram.voice.engines import installed_engines, make_engine


def test_an_unknown_engine_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnavailableError, match='no voice engine "tin can"; there is: ntgcalls'):
        make_engine("tin can")


def test_an_engine_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'ntgcalls'")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(UnavailableError, match=r"pip install .linegram\[ntgcalls\]"):
        make_engine("ntgcalls")


@pytest.mark.parametrize("finder", [lambda name: None, lambda name: importlib.import_module("no " + name)])
def test_without_the_native_library_there_is_our_own_engine(
    monkeypatch: pytest.MonkeyPatch, finder: Callable[[str], None]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", finder)
    assert installed_engines() == ("own",)


def test_the_native_engine_is_named_after_our_own_where_its_library_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "ntgcalls" else None)
    assert installed_engines() == ("own", "ntgcalls")
