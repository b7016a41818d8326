"""Who may speak to us, told from raw bytes before anything is parsed: strangers must cost next to nothing."""

import re
from collections.abc import Callable
from typing import Final

_TOKEN: Final = re.compile(rb"[^\r\n]{0,2048}?;line=([^;>?,\s]{1,64})").match
_BRANCH: Final = re.compile(rb"branch[ \t]*=[ \t]*(z9hG4bK[0-9a-f]{1,64})", re.IGNORECASE).search
_SEARCHED_BYTES: Final = 4096


class Doorman:
    """Turns strangers away without a word, and counts them."""

    def __init__(
        self,
        is_trusted: Callable[[str], bool],
        has_token: Callable[[str], bool],
        has_branch: Callable[[str], bool],
    ) -> None:
        """Tell apart trusted addresses, tokens of our Contacts and branches of our requests."""
        self._is_trusted = is_trusted
        self._has_token = has_token
        self._has_branch = has_branch
        self.refused = 0

    def admits(self, data: bytes, host: str) -> bool:
        """Whether a message deserves to be parsed.

        It does from a trusted address; else a request must carry a token of ours in its first line, as every
        request to our Contact does, and a response the branch of a request of ours.
        """
        if self._is_trusted(host) or self._knows_us(data.lstrip(b"\r\n")):
            return True
        self.refused += 1
        return False

    def _knows_us(self, data: bytes) -> bool:
        if data.startswith(b"SIP/"):
            branch = _BRANCH(data, 0, _SEARCHED_BYTES)
            return branch is not None and self._has_branch(branch[1].decode("ascii", "replace"))
        token = _TOKEN(data)
        return token is not None and self._has_token(token[1].decode("ascii", "replace"))
