"""The body that tells of waiting voice messages (RFC 3842 section 5). Pure."""

import re
from typing import Final, NamedTuple, Self

from linegram.errors import RemoteProtocolError

CONTENT_TYPE: Final = "application/simple-message-summary"
EVENT: Final = "message-summary"

_COUNTS: Final = re.compile(
    r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*(?:\(\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*\))?\s*", re.ASCII
).fullmatch
_MOST_LINES: Final = 64


class MessageSummary(NamedTuple):
    """How many voice messages wait: new and old ones, and how many of each are urgent."""

    is_waiting: bool
    new: int = 0
    old: int = 0
    new_urgent: int = 0
    old_urgent: int = 0

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body; lines that are unknown are passed over.

        Raises RemoteProtocolError when it does not say whether messages wait.
        """
        values: dict[str, str] = {}
        for line in body.decode("utf-8", "replace").splitlines()[:_MOST_LINES]:
            name, colon, value = line.partition(":")
            if colon:
                values.setdefault(name.strip().lower(), value.strip())
        status = values.get("messages-waiting", "").lower()
        if status not in {"yes", "no"}:
            raise RemoteProtocolError("message summary without Messages-Waiting")
        counts = _COUNTS(values.get("voice-message", "0/0"))
        if counts is None:
            raise RemoteProtocolError("malformed Voice-Message")
        return cls(status == "yes", *(int(count or 0) for count in counts.groups()))
