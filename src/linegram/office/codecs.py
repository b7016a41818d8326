"""Texts that list audio codecs and ways to send digits, in order of priority.

Pure. `opus, g722/16 000,alaw, mulaw, g729` is how people write them. Which
codec really loads on a machine is the worker's knowledge, not ours.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from linegram.errors import RefusedError

DEFAULT_CODECS: Final = ("opus", "g722", "alaw", "mulaw")

_RATES_HZ: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "opus": (48000,),
        "g722": (
            16000,
            8000,
        ),  # 16 kHz sound on an 8 kHz RTP clock (RFC 3551 section 4.5.2): both are written
        "alaw": (8000,),
        "mulaw": (8000,),
        "g729": (8000,),
        "gsm": (8000,),
        "speex": (8000, 16000, 32000),
    }
)
_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {"pcma": "alaw", "g711a": "alaw", "pcmu": "mulaw", "ulaw": "mulaw", "g711u": "mulaw"}
)


class DtmfMethod(Enum):
    """A way to send digits to the PBX."""

    RFC2833 = "rfc2833"
    INFO = "info"
    INBAND = "inband"


DEFAULT_DTMF: Final = (DtmfMethod.RFC2833, DtmfMethod.INFO, DtmfMethod.INBAND)
_DTMF_ALIASES: Final[Mapping[str, str]] = MappingProxyType({"rfc4733": "rfc2833"})


def parse_codecs(text: str) -> tuple[str, ...]:
    """Read a list of codecs, best first; an empty text means the default list.

    A rate may follow a slash; the usual one is left out of the result, so
    `speex/16000` keeps its rate and `alaw/8000` becomes `alaw`.

    Raises RefusedError that names every unknown codec or rate.
    """
    words = _words(text)
    wrong = [word for word in words if _codec(word) is None]
    if wrong:
        known = ", ".join(_RATES_HZ)
        raise RefusedError(f"Unknown codec: {', '.join(wrong)}. Known are {known}.")
    return _without_repeats(_codec(word) or "" for word in words) or DEFAULT_CODECS


def render_codecs(codecs: Iterable[str]) -> str:
    """Write a list of codecs so that parsing gives it back."""
    return ",".join(codecs)


def parse_dtmf(text: str) -> tuple[DtmfMethod, ...]:
    """Read a list of ways to send digits, best first; an empty text means the default list.

    Raises RefusedError that names every unknown one.
    """
    known = {method.value: method for method in DtmfMethod}
    words = [_DTMF_ALIASES.get(word, word) for word in _words(text)]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise RefusedError(f"Unknown DTMF method: {', '.join(wrong)}. Known are {', '.join(known)}.")
    return tuple(known[word] for word in _without_repeats(words)) or DEFAULT_DTMF


def render_dtmf(methods: Iterable[DtmfMethod]) -> str:
    """Write a list of ways to send digits so that parsing gives it back."""
    return ",".join(method.value for method in methods)


def _words(text: str) -> list[str]:
    """Split at commas; blanks anywhere, even inside a rate, mean nothing."""
    bare = ("".join(part.split()).strip("`").lower() for part in text.split(","))
    return [word for word in bare if word]


def _codec(word: str) -> str | None:
    """Our name of a codec, with its rate if that is not the usual one; None if there is no such codec."""
    name, slash, rate = word.partition("/")
    name = _ALIASES.get(name, name)
    rates = [str(hertz) for hertz in _RATES_HZ.get(name, ())]
    if not rates:
        return None
    if not slash or rate == rates[0]:
        return name
    if rate not in rates:
        return None
    return name if name == "g722" else f"{name}/{rate}"


def _without_repeats(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
