"""Finds a voice engine by its name, and says which are installed. Imports one only when it is asked for."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, cast

from linegram.errors import UnavailableError
from linegram.link.voice import NTGCALLS, OWN
from linegram.voice.engine import VoiceEngine

_MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {NTGCALLS: "linegram.voice.ntgcalls_engine", OWN: "linegram.voice.own.engine"}
)


def installed_engines() -> tuple[str, ...]:
    """Name the engines that can be made here; nothing of the native one is loaded to find out."""
    return (OWN, NTGCALLS) if _is_importable(NTGCALLS) else (OWN,)


def _is_importable(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False


def make_engine(name: str) -> VoiceEngine:
    """Make the engine in the calling thread, which from then on must be the one that drives its legs.

    Raises UnavailableError with a sentence for the administrator.
    """
    module = _MODULES.get(name)
    if module is None:
        known = ", ".join(sorted(_MODULES))
        raise UnavailableError(f'There is no voice engine "{name}"; there is: {known}.')
    try:
        make = cast("Callable[[], VoiceEngine]", importlib.import_module(module).make)
    except ImportError as error:
        raise UnavailableError(
            f'The voice engine "{name}" is not installed: run `pip install "linegram[{name}]"` ({error}).'
        ) from error
    return make()
