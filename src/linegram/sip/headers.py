"""The header fields of one message, in order (RFC 3261 section 7.3). Knows no message and no transport."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.fields import CSeq, NameAddress, Via
from linegram.sip.grammar import is_token, split_list

__all__ = ["CSeq", "Headers", "NameAddress", "Via"]

T = TypeVar("T")

_NAMES: Final = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
    "Allow-Events", "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type",
    "CSeq", "Date", "Diversion", "Error-Info", "Event", "Expires", "From", "Geolocation", "History-Info",
    "Identity", "In-Reply-To", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization",
    "P-Access-Network-Info", "P-Asserted-Identity", "P-Associated-URI", "P-Called-Party-ID",
    "P-Charging-Vector", "P-Preferred-Identity", "Path", "Priority", "Privacy", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-To", "Referred-By",
    "Reject-Contact", "Remote-Party-ID", "Replaces", "Reply-To", "Request-Disposition", "Require",
    "Retry-After", "Route", "RSeq", "Server", "Service-Route", "Session-Expires", "SIP-ETag",
    "SIP-If-Match", "Subject", "Subscription-State", "Supported", "Target-Dialog", "Timestamp", "To",
    "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip

_COMPACT: Final = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip

_LISTS: Final = frozenset((
    "accept", "accept-contact", "accept-encoding", "accept-language", "alert-info", "allow",
    "allow-events", "call-info", "contact", "content-encoding", "content-language", "diversion",
    "error-info", "history-info", "in-reply-to", "p-asserted-identity", "p-associated-uri",
    "p-preferred-identity", "path", "proxy-require", "reason", "record-route", "reject-contact", "require",
    "route", "service-route", "supported", "unsupported", "via", "warning",
))  # fmt: skip

Entry = tuple[str, str, str]
"""Key (lower case, long form), name as written to the wire, value."""

_KNOWN: Final = {
    spelling: (name.lower(), name)
    for name in _NAMES
    for spelling in (name, name.lower(), name.upper())
} | {
    spelling: (name.lower(), name)
    for letter, name in _COMPACT.items()
    for spelling in (letter, letter.upper())
}  # fmt: skip


def identify(name: str) -> tuple[str, str]:
    """Return the key and the usual spelling of a header name, long or compact, in any case."""
    return _KNOWN.get(name) or _KNOWN.get(name.lower()) or (name.lower(), name)


def parse_field(line: str) -> Entry:
    """Read one header line, already unfolded. Raises RemoteProtocolError."""
    name, colon, value = line.partition(":")
    known = _KNOWN.get(name)
    if known is None or not colon:
        known = identify(name.rstrip(" \t"))
        if not colon or not is_token(known[0]):
            raise RemoteProtocolError("malformed header field")
    return known[0], known[1], value.strip(" \t")


class Headers:
    """An ordered multimap of header fields whose names have no case.

    A value of a list header may hold several elements (`Via: a, b`): `get`, `get_all`
    and `remove_first` see the elements, `items` sees the fields as they stand.
    """

    __slots__ = ("_entries", "_parsed")

    def __init__(self, items: Iterable[tuple[str, str]] = (), *, entries: Iterable[Entry] = ()) -> None:
        """Take (name, value) pairs; `entries` are what the parser has already checked."""
        self._entries: list[Entry] = [*entries, *(_make_entry(name, value) for name, value in items)]
        self._parsed: dict[str, Any] = {}

    def get(self, name: str) -> str | None:
        """Return the first value (of a list header: the first element), or None."""
        key = identify(name)[0]
        for entry in self._entries:
            if entry[0] == key:
                elements = split_list(entry[2]) if key in _LISTS else [entry[2]]
                if elements:
                    return elements[0]
        return None

    def get_all(self, name: str) -> list[str]:
        """Return every value; the elements of list headers one by one."""
        key = identify(name)[0]
        values = [entry[2] for entry in self._entries if entry[0] == key]
        if key not in _LISTS:
            return values
        return [element for value in values for element in split_list(value)]

    def get_parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """Return the first value, parsed; parsed once until the header changes.

        Raises LocalProtocolError if it is absent, and what `parse` raises.
        """
        key = identify(name)[0]
        cached: T | None = self._parsed.get(key)
        if cached is None:
            value = self.get(name)
            if value is None:
                raise LocalProtocolError(f"message has no {name}")
            cached = self._parsed[key] = parse(value)
        return cached

    def keys(self) -> list[str]:
        """Return the lower-case long names of all fields (lines, not list elements), in order."""
        return [entry[0] for entry in self._entries]

    def add(self, name: str, value: str) -> None:
        """Append a field below all others."""
        entry = _make_entry(name, value)
        self._parsed.pop(entry[0], None)
        self._entries.append(entry)

    def prepend(self, name: str, value: str) -> None:
        """Put a field above those of its name; at the very top if it is the first of them."""
        entry = _make_entry(name, value)
        self._parsed.pop(entry[0], None)
        keys = [existing[0] for existing in self._entries]
        self._entries.insert(keys.index(entry[0]) if entry[0] in keys else 0, entry)

    def set(self, name: str, value: str) -> None:
        """Make this the only field of its name, in the place of the first."""
        entry = _make_entry(name, value)
        keys = [existing[0] for existing in self._entries]
        place = keys.index(entry[0]) if entry[0] in keys else len(keys)
        self.remove(name)
        self._entries.insert(place, entry)

    def remove(self, name: str) -> None:
        """Drop every field of that name, if any."""
        key = identify(name)[0]
        self._parsed.pop(key, None)
        self._entries = [entry for entry in self._entries if entry[0] != key]

    def remove_first(self, name: str) -> None:
        """Drop the first value of that name; of a list header only its first element."""
        key = identify(name)[0]
        self._parsed.pop(key, None)
        for index, (existing, spelling, value) in enumerate(self._entries):
            if existing != key:
                continue
            rest = split_list(value)[1:] if key in _LISTS else []
            self._entries[index : index + 1] = [(key, spelling, ", ".join(rest))] if rest else []
            return

    def items(self) -> Iterator[tuple[str, str]]:
        """Iterate over (name, value) of the fields in their order."""
        return ((name, value) for _, name, value in self._entries)

    def copy(self) -> "Headers":
        """Return headers that change independently."""
        return Headers(entries=self._entries)

    def __contains__(self, name: str) -> bool:
        """Tell whether a field of that name is there."""
        key = identify(name)[0]
        return any(entry[0] == key for entry in self._entries)

    def __eq__(self, other: object) -> bool:
        """Compare names (without case) and values, in order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return [(k, v) for k, _, v in self._entries] == [(k, v) for k, _, v in other._entries]

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._entries)

    def __repr__(self) -> str:
        """Show the names only: values may hold credentials and numbers."""
        return f"Headers({', '.join(name for _, name, _ in self._entries)})"


def _make_entry(name: str, value: str) -> Entry:
    if "\r" in value or "\n" in value or not is_token(name):
        raise LocalProtocolError(f"not fit for a header: {name!r}")
    key, spelling = identify(name)
    return key, spelling, value.strip(" \t")
