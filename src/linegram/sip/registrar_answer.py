"""Reads a registrar's answer: what it granted to our own Contact, and who else is bound (RFC 3261 10.2.4)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from linegram.errors import RemoteProtocolError
from linegram.sip.account import LINE_PARAMETER
from linegram.sip.headers import NameAddress
from linegram.sip.message import Response
from linegram.sip.registration_table import Happening
from linegram.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class Granted:
    """The outcome of a 200 to REGISTER."""

    expires_s: int
    other_contacts: tuple[str, ...]


def classify(status: int) -> Happening:
    """What a final response to REGISTER means for the registration.

    Refused are the answers that no repetition will change: wrong credentials, unknown or forbidden address.
    """
    if 200 <= status < 300:
        return Happening.GRANTED
    if status == 423:
        return Happening.TOO_BRIEF
    if 300 <= status < 400:
        return Happening.ELSEWHERE
    if status in {401, 402, 403, 404, 407, 410, 416, 604}:
        return Happening.REFUSED
    return Happening.FAILED


def read_granted(response: Response, ours: SipUri, *, asked_s: int) -> Granted:
    """Find the expiry of our own binding among all those listed, and name the others."""
    token = ours.parameter(LINE_PARAMETER)
    granted_s: int | None = None
    others: list[str] = []
    for contact in _contacts(response):
        is_ours = contact.uri.parameter(LINE_PARAMETER) == token or _is_same_place(contact.uri, ours)
        if is_ours:
            expires_s = read_seconds(contact.parameter("expires"))
            if expires_s is not None:
                granted_s = max(granted_s or 0, expires_s)
        else:
            others.append(str(contact.uri))
    if granted_s is None:
        granted_s = read_seconds(response.headers.get("Expires"))
    return Granted(asked_s if granted_s is None else granted_s, tuple(sorted(others)))


def read_seconds(text: str | None) -> int | None:
    """Read delta-seconds, also with a comment behind (Retry-After); None when absent or not a number."""
    digits = (text or "").strip().split(" ")[0].split(";")[0].split("(")[0]
    return min(int(digits), 2**31) if digits.isascii() and digits.isdigit() else None


def redirections(response: Response) -> list[SipUri]:
    """Where a 3xx sends us, best first by q (RFC 3261 20.10); URIs of other schemes are passed over."""
    found = [contact for contact in _contacts(response) if contact.uri.scheme in {"sip", "sips"}]
    found.sort(key=lambda contact: -_weight(contact.parameter("q")))
    return [contact.uri for contact in found]


def _weight(text: str | None) -> float:
    try:
        return float(text or "1")
    except ValueError:
        return 0.0


def _contacts(response: Response) -> Iterator[NameAddress]:
    """The readable ones: a strange binding of somebody else's must not cost us ours."""
    for value in response.headers.get_all("Contact"):
        with suppress(RemoteProtocolError):
            yield NameAddress.parse(value)


def _is_same_place(uri: SipUri, ours: SipUri) -> bool:
    """Whether a registrar that drops URI parameters still means our binding."""
    return (
        uri.parameter(LINE_PARAMETER) is None
        and uri.user == ours.user
        and uri.host.lower() == ours.host.lower()
        and (uri.port or 5060) == (ours.port or 5060)
    )
