"""Who may register and call at the sandbox's PBX, and where the registered accounts are (RFC 3261 10.3, 22).

Answers requests before they come to the endpoint. No IO; time is passed in.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.sip.digest import Challenge, Credentials, compute_response
from linegram.sip.flow import Flow
from linegram.sip.message import Request, Response
from linegram.sip.uri import SipUri

REALM: Final = "sandbox"
DEFAULT_EXPIRES_S: Final = 600
_PAIRS: Final = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))').findall
_REMEMBERED_NONCES: Final = 1000


@dataclass(frozen=True, slots=True)
class Binding:
    """Where an account is registered, and until when (on the clock that is passed in)."""

    contact: SipUri
    flow: Flow
    expires_at: float


class DigestGate:
    """Lets those in who prove that they know their password. A nonce may be used many times."""

    def __init__(self, passwords: Mapping[str, str], random: Random) -> None:
        self._passwords = passwords
        self._random = random
        self._nonces: deque[str] = deque(maxlen=_REMEMBERED_NONCES)

    def user_of(self, request: Request) -> str | None:
        """Return who sent a request; None if it has no credentials, or wrong ones."""
        header = "Authorization" if request.method == "REGISTER" else "Proxy-Authorization"
        given = {name: quoted or plain for name, quoted, plain in _PAIRS(request.headers.get(header) or "")}
        user, nonce = given.get("username", ""), given.get("nonce", "")
        password = self._passwords.get(user)
        if password is None or nonce not in self._nonces:
            return None
        count = given.get("nc", "")
        if not re.fullmatch("[0-9a-fA-F]{1,8}", count):
            return None
        expected = compute_response(
            Challenge(REALM, nonce, qop=("auth",)),
            Credentials(user, password),
            (request.method, given.get("uri", "")),
            (int(count, 16), given.get("cnonce", "")),
        )
        return user if given.get("response") == expected else None

    def challenge(self, request: Request) -> Response:
        """Return the 401 or 407 that asks for credentials."""
        nonce = f"{self._random.getrandbits(96):024x}"
        self._nonces.append(nonce)
        is_register = request.method == "REGISTER"
        response = Response.make(request, 401 if is_register else 407, to_tag=nonce[:8])
        name = "WWW-Authenticate" if is_register else "Proxy-Authenticate"
        response.headers.add(name, f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5')
        return response


class Registrar:
    """Keeps one binding for each account: the newest."""

    def __init__(self, gate: DigestGate) -> None:
        self._gate = gate
        self._bindings: dict[str, Binding] = {}

    def binding(self, user: str, now: float) -> Binding | None:
        """Return where an account is; None if it is not registered."""
        found = self._bindings.get(user)
        return found if found is not None and found.expires_at > now else None

    def answer(self, request: Request, source: Flow, now: float) -> Response:
        """Carry a REGISTER out and return the response."""
        user = self._gate.user_of(request)
        if user is None:
            return self._gate.challenge(request)
        if request.to.uri.user != user:
            return Response.make(request, 403, to_tag="sandbox")
        try:
            self._bind(request, user, source, now)
        except (RemoteProtocolError, ValueError):
            return Response.make(request, 400, to_tag="sandbox")
        response = Response.make(request, 200, to_tag="sandbox")
        found = self._bindings.get(user)
        if found is not None:
            response.headers.add("Contact", f"<{found.contact}>;expires={round(found.expires_at - now)}")
        return response

    def _bind(self, request: Request, user: str, source: Flow, now: float) -> None:
        if request.is_wildcard_contact:
            self._bindings.pop(user, None)
        default = request.headers.get("Expires") or DEFAULT_EXPIRES_S
        for contact in request.contacts:
            expires_s = int(contact.parameter("expires") or default)
            if expires_s > 0:
                self._bindings[user] = Binding(contact.uri, source, now + expires_s)
            elif (found := self._bindings.get(user)) is not None and str(found.contact) == str(contact.uri):
                del self._bindings[user]
