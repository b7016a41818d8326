"""Codec libraries of the machine, loaded when they are there. Bundles none, installs none."""

import ctypes
import ctypes.util
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from linegram.errors import UnavailableError

Signatures = Mapping[str, tuple[Any, tuple[Any, ...]]]
"""Of each function its result and its arguments."""

_folders: list[Path] = []


def search_also(folder: Path) -> None:
    """Look for libraries in this folder before the system's own places; for all codecs of this process."""
    if folder not in _folders:
        _folders.append(folder)
        find_library.cache_clear()


@lru_cache(maxsize=16)
def find_library(name: str) -> ctypes.CDLL | None:
    """Load `lib<name>.so` in whatever version is there; None when there is none that loads."""
    for candidate in _candidates(name):
        try:
            return ctypes.CDLL(candidate)
        except OSError:
            continue
    return None


def open_library(name: str, signatures: Signatures) -> ctypes.CDLL:
    """Load a library and tell ctypes its functions. Raises UnavailableError without it or one of them."""
    library = find_library(name)
    if library is None:
        raise UnavailableError(f"The library lib{name} is not installed on this machine.")
    for function, (result, arguments) in signatures.items():
        try:
            bound = getattr(library, function)
        except AttributeError as error:
            raise UnavailableError(f"lib{name} has no function {function}.") from error
        bound.restype, bound.argtypes = result, arguments
    return library


def is_loadable(name: str, signatures: Signatures) -> bool:
    """Say whether `open_library` would succeed."""
    try:
        open_library(name, signatures)
    except UnavailableError:
        return False
    return True


def _candidates(name: str) -> Iterable[str]:
    for folder in _folders:
        yield from map(str, sorted(folder.glob(f"lib{name}.so*"), reverse=True))
    found = ctypes.util.find_library(name)
    if found is not None:
        yield found
