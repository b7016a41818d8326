"""How long a call may go without a sign of life: what both sides agree on, in header fields (RFC 4028).

Pure values. Within one request and its answer, "uac" is who sent the request.
"""

from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError
from linegram.sip.grammar import find_parameter, parse_parameters
from linegram.sip.message import Request, Response

OPTION: Final = "timer"
LEAST_S: Final = 90
"""Nobody may ask for less (section 5)."""

_UAC, _UAS = "uac", "uas"
_MOST_S: Final = 1 << 31


class SessionTerms(NamedTuple):
    """What counts until the next refresh: its interval, and who sends it."""

    interval_s: int
    is_refreshed_by_us: bool

    @property
    def refresh_s(self) -> float:
        """When the refresher sends: at half the interval (section 7.2)."""
        return self.interval_s / 2

    @property
    def expiry_s(self) -> float:
        """When the other side gives up: a little before the end (section 10)."""
        return self.interval_s - min(32.0, self.interval_s / 3)


def ask(request: Request, interval_s: int, *, least_s: int = LEAST_S, is_ours: bool | None = None) -> None:
    """Ask for a timer in a request of ours; `is_ours` keeps the roles of a call that has one."""
    refresher = "" if is_ours is None else f";refresher={_UAC if is_ours else _UAS}"
    request.headers.set("Session-Expires", f"{interval_s}{refresher}")
    request.headers.set("Min-SE", str(least_s))
    if OPTION not in request.headers.get_all("Supported"):
        request.headers.add("Supported", OPTION)


def read_answer(response: Response) -> SessionTerms | None:
    """What the 2xx to a request of ours says; None when the far end wants no timer (section 7.2)."""
    found = _read(response)
    return None if found is None else SessionTerms(found[0], is_refreshed_by_us=found[1] != _UAS)


def wished_least_s(response: Response) -> int:
    """The Min-SE of a 422, 0 when there is none that can be read."""
    text = (response.headers.get("Min-SE") or "").partition(";")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def accept(request: Request) -> SessionTerms | None:
    """What to answer a request of theirs with; None when it asks for no timer (section 9).

    Raises RemoteProtocolError with status 422 for an interval that is too small.
    """
    found = _read(request)
    if found is None:
        return None
    interval_s, refresher = found
    can_refresh = OPTION in (option.lower() for option in request.headers.get_all("Supported"))
    if interval_s < LEAST_S and can_refresh:
        raise RemoteProtocolError("session interval too small", status_hint=422)
    is_theirs = refresher == _UAC or (refresher is None and can_refresh)
    return SessionTerms(max(interval_s, LEAST_S), is_refreshed_by_us=not is_theirs)


def answer(response: Response, terms: SessionTerms) -> None:
    """Say in a 2xx of ours what counts."""
    refresher = _UAS if terms.is_refreshed_by_us else _UAC
    response.headers.set("Session-Expires", f"{terms.interval_s};refresher={refresher}")
    if not terms.is_refreshed_by_us:
        response.headers.add("Require", OPTION)


def _read(message: Request | Response) -> tuple[int, str | None] | None:
    value = message.headers.get("Session-Expires")
    if value is None:
        return None
    text, _, _ = value.partition(";")
    seconds = text.strip()
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 10 or int(seconds) >= _MOST_S:
        raise RemoteProtocolError("malformed Session-Expires")
    refresher = find_parameter(parse_parameters(value, len(text)), "refresher")
    return int(seconds), None if refresher is None else (refresher[1] or "").lower()
