"""What a TURN server is asked, and what its refusals mean (RFC 8656 sections 7 to 12, 18). Pure."""

from enum import IntEnum
from typing import Final, NamedTuple

from linegram.voice.own.ice.stun import Address
from linegram.voice.own.ice.stun_request import StunRequest

SENTENCES: Final = {
    300: "sends us to another server",
    401: "refuses our user name or password",
    403: "forbids it",
    437: "has another allocation for our port, or lost ours again and again",
    438: "calls every nonce of its own stale",
    441: "refuses our user name or password",
    442: "does not relay UDP",
    486: "says that our user name has too many allocations",
    508: "has no capacity left",
}
"""What goes behind "The TURN server ..." when it answers a question with an error."""


class Method(IntEnum):
    """What a TURN server is asked for; the number of the request."""

    ALLOCATE = 0x0003
    REFRESH = 0x0004
    SEND = 0x0006
    DATA = 0x0007
    CREATE_PERMISSION = 0x0008
    CHANNEL_BIND = 0x0009


class Question(NamedTuple):
    """What is asked, and for which address; `challenges` counts how often it had to be signed anew."""

    method: Method
    attributes: tuple[tuple[int, bytes], ...]
    peer: Address | None = None
    challenges: int = 0


class Asked(NamedTuple):
    """A question on its way; `key` is what it was signed with."""

    question: Question
    request: StunRequest
    key: bytes | None
