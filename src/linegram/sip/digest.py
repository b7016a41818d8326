"""Digest authentication of a client (RFC 3261 section 22, RFC 7616, RFC 8760).

One `DigestSession` serves one account: it remembers the last challenge of each
realm, so that later requests carry credentials at once. Randomness (cnonce) is passed in.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.grammar import encode_text, quote, unescape
from linegram.sip.message import Request, Response

_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = MappingProxyType(
    {
        "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
        "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
        "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }
)
"""Supported algorithms, strongest first."""
_STRENGTHS: Final = tuple(_HASHES)
_PAIR: Final = re.compile(
    r'[ \t]*([A-Za-z0-9\-.!%*_+`\'~]++)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))[ \t]*(?:,|$)',
    re.DOTALL,
).match
_MAX_REMEMBERED_REQUESTS: Final = 32
_MAX_REALMS: Final = 8
_MAX_STALE_REFUSALS: Final = 3


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password of one account."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server or proxy demands."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    is_stale: bool = False
    is_proxy: bool = False

    @classmethod
    def parse(cls, value: str, is_proxy: bool) -> Self:  # noqa: FBT001 - the header name says it
        """Read the value of WWW-Authenticate or Proxy-Authenticate.

        Raises RemoteProtocolError, also for schemes other than Digest.
        """
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() != "digest":
            raise RemoteProtocolError("authentication scheme is not Digest")
        pairs = _parse_pairs(rest)
        if "realm" not in pairs or "nonce" not in pairs:
            raise RemoteProtocolError("challenge without realm or nonce")
        return cls(
            realm=pairs["realm"],
            nonce=pairs["nonce"],
            algorithm=pairs.get("algorithm", "MD5").upper(),
            qop=tuple(q.strip().lower() for q in pairs.get("qop", "").split(",") if q.strip()),
            opaque=pairs.get("opaque"),
            is_stale=pairs.get("stale", "").lower() == "true",
            is_proxy=is_proxy,
        )

    @property
    def is_supported(self) -> bool:
        """Tell whether we can answer: a known algorithm, and no qop or one of ours among those offered."""
        return self.algorithm in _HASHES and (not self.qop or self.chosen_qop != "")

    @property
    def chosen_qop(self) -> str:
        """What we answer with: `auth`, which survives a proxy that changes the body, else `auth-int`."""
        return next((qop for qop in ("auth", "auth-int") if qop in self.qop), "")


def _parse_pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PAIR(text, position)
        if match is None:
            raise RemoteProtocolError("malformed challenge")
        name, quoted, plain = match.groups()
        found.setdefault(name.lower(), plain if quoted is None else unescape(quoted))
        position = match.end()
    return found


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the challenge with the strongest algorithm that we can answer, None if there is none."""
    supported = [challenge for challenge in challenges if challenge.is_supported]
    return min(supported, key=lambda challenge: _STRENGTHS.index(challenge.algorithm), default=None)


@dataclass(slots=True)
class _Known:
    """The challenge in force for one realm, and how often its nonce has been used."""

    challenge: Challenge
    nonce_count: int = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    """What one request carried for one realm."""

    nonce: str
    is_first_use: bool


Realm = tuple[bool, str]
"""Whether a proxy asks, and its realm."""
RequestKey = tuple[str, str]
"""SIP Call-ID and method: names a request through all of its attempts."""


class DigestSession:
    """Answers the challenges that one account meets, whichever request meets them."""

    __slots__ = ("_credentials", "_known", "_refusals", "_sent")

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._known: dict[Realm, _Known] = {}
        self._sent: dict[RequestKey, dict[Realm, _Sent]] = {}
        self._refusals: dict[RequestKey, int] = {}

    def learn(self, response: Response) -> bool:
        """Remember the challenges of a 401 or 407; tell whether trying again makes sense.

        False: no challenge that we can answer, or our credentials were refused. They
        were when the same nonce came back and is not stale, when a second fresh nonce in a
        row did not help, or when the server calls every nonce stale.
        """
        key = (response.call_id, response.cseq.method)
        sent = self._sent.pop(key, {})
        refusals = self._refusals.pop(key, 0) + 1 if sent else 0
        challenges = _strongest_per_realm(response)
        for realm, challenge in challenges.items():
            if (used := sent.get(realm)) and _is_refusal(used, challenge, refusals):
                self._known.pop(realm, None)
                return False
            self._known.pop(realm, None)
            self._known[realm] = _Known(challenge)
            _drop_oldest(self._known, _MAX_REALMS)
        if refusals and challenges:
            self._refusals[key] = refusals
            _drop_oldest(self._refusals, _MAX_REMEMBERED_REQUESTS)
        return bool(challenges)

    def authorize(self, request: Request, cnonce: str) -> None:
        """Put credentials for every known realm into the request, in place of those it may carry."""
        request.headers.remove("Authorization")
        request.headers.remove("Proxy-Authorization")
        sent: dict[Realm, _Sent] = {}
        for realm, known in self._known.items():
            known.nonce_count += 1
            sent[realm] = _Sent(known.challenge.nonce, known.nonce_count == 1)
            name = "Proxy-Authorization" if known.challenge.is_proxy else "Authorization"
            value = _answer(known.challenge, self._credentials, request, (known.nonce_count, cnonce))
            request.headers.add(name, value)
        if sent:
            self._remember_sent((request.call_id, request.method), sent)

    def _remember_sent(self, key: RequestKey, sent: dict[Realm, _Sent]) -> None:
        if self._sent.pop(key, None) is not None:
            self._refusals.pop(key, None)  # the request before this one was not refused
        self._sent[key] = sent
        _drop_oldest(self._sent, _MAX_REMEMBERED_REQUESTS)


def _drop_oldest(memory: dict[Any, Any], limit: int) -> None:
    """Keep what a peer makes us remember small."""
    while len(memory) > limit:
        del memory[next(iter(memory))]


def _strongest_per_realm(response: Response) -> dict[Realm, Challenge]:
    """Pick one challenge of each realm; schemes and algorithms that we do not speak are passed over."""
    offered: dict[Realm, list[Challenge]] = {}
    for name, is_proxy in (("WWW-Authenticate", False), ("Proxy-Authenticate", True)):
        for value in response.headers.get_all(name):
            try:
                challenge = Challenge.parse(value, is_proxy)
            except RemoteProtocolError:
                continue
            offered.setdefault((is_proxy, challenge.realm), []).append(challenge)
    chosen = ((realm, strongest(challenges)) for realm, challenges in offered.items())
    return {realm: challenge for realm, challenge in chosen if challenge is not None}


def _is_refusal(used: _Sent, challenge: Challenge, refusals: int) -> bool:
    if challenge.is_stale:
        return refusals > _MAX_STALE_REFUSALS
    if challenge.nonce == used.nonce:
        return True
    return used.is_first_use and refusals > 1


def compute_response(
    challenge: Challenge,
    credentials: Credentials,
    request_line: tuple[str, str],
    use: tuple[int, str],
    *,
    body: bytes = b"",
) -> str:
    """Return `response` for (method, URI) and (nonce count, cnonce) (RFC 7616 sections 3.4.1 and 3.4.3)."""
    digest = _HASHES.get(challenge.algorithm)
    if digest is None:
        raise LocalProtocolError(f"digest algorithm {challenge.algorithm} is not supported")

    def h(text: str) -> str:
        return digest(encode_text(text))

    secret = h(f"{credentials.username}:{challenge.realm}:{credentials.password}")
    qop = challenge.chosen_qop
    of_body = f":{digest(body)}" if qop == "auth-int" else ""
    message = h(f"{request_line[0]}:{request_line[1]}{of_body}")
    if not challenge.qop:
        return h(f"{secret}:{challenge.nonce}:{message}")
    nonce_count, cnonce = use
    return h(f"{secret}:{challenge.nonce}:{nonce_count:08x}:{cnonce}:{qop}:{message}")


def _answer(challenge: Challenge, credentials: Credentials, request: Request, use: tuple[int, str]) -> str:
    """Return the value of Authorization or Proxy-Authorization."""
    uri = str(request.uri)
    response = compute_response(challenge, credentials, (request.method, uri), use, body=request.body)
    parts = [
        f"username={quote(credentials.username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    if challenge.qop:
        parts += [f"qop={challenge.chosen_qop}", f"nc={use[0]:08x}", f"cnonce={quote(use[1])}"]
    return "Digest " + ", ".join(parts)
