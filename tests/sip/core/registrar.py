"""A registrar for tests: digest, limits on expiry, other bindings. Stateless, as Asterisk is towards 401."""

from dataclasses import dataclass, field

from linegram.sip.digest import Challenge, Credentials, compute_response
from linegram.sip.message import Message, Request
from tests.sip.core.network import Address, Network, ScriptedNode


@dataclass
class Registrar:
    """Grants bindings to whoever knows the password."""

    network: Network
    address: Address
    passwords: dict[str, str] = field(default_factory=dict)
    min_expires_s: int = 0
    max_expires_s: int = 3600
    uses_per_nonce: int = 1_000_000
    lists_first: tuple[str, ...] = ()
    rejects_with: int | None = None
    reject_headers: tuple[tuple[str, str], ...] = ()
    is_silent: bool = False
    seen_as: Address | None = None
    bindings: dict[str, dict[str, int]] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    challenges: int = 0
    nonce_uses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.node = ScriptedNode(self.network, self.address, self._script)

    def _script(self, message: Message, node: ScriptedNode) -> None:
        if not isinstance(message, Request) or self.is_silent:
            return
        self._stamp(message, self.seen_as or node.source)
        if message.method == "REGISTER":
            self.seen.append(message)
            self._register(message)
        else:
            node.reply(message, 200)

    def _stamp(self, request: Request, source: Address) -> None:
        via = request.via.with_parameter("received", source[0]).with_parameter("rport", str(source[1]))
        request.headers.set("Via", str(via))

    def _register(self, request: Request) -> None:
        if self.rejects_with is not None:
            self.node.reply(request, self.rejects_with, headers=self.reject_headers)
        elif not self._is_authorized(request):
            return
        elif self._is_too_brief(request):
            self.node.reply(request, 423, headers=(("Min-Expires", str(self.min_expires_s)),))
        else:
            self._bind(request)

    def _bind(self, request: Request) -> None:
        bound = self.bindings.setdefault(request.to.uri.user or "", {})
        for contact in request.contacts:
            expires_s = min(int(contact.parameter("expires") or "600"), self.max_expires_s)
            if expires_s:
                bound[str(contact.uri)] = expires_s
            else:
                bound.pop(str(contact.uri), None)
        contacts = [*self.lists_first, *(f"<{uri}>;expires={expires_s}" for uri, expires_s in bound.items())]
        self.node.reply(request, 200, headers=tuple(("Contact", contact) for contact in contacts))

    def _is_too_brief(self, request: Request) -> bool:
        return any(
            0 < int(contact.parameter("expires") or "600") < self.min_expires_s
            for contact in request.contacts
        )

    def _is_authorized(self, request: Request) -> bool:
        given = request.headers.get("Authorization")
        values = _pairs(given) if given else {}
        nonce = values.get("nonce", "")
        if nonce in self.nonce_uses:
            self.nonce_uses[nonce] += 1
            if self.nonce_uses[nonce] > self.uses_per_nonce:
                self._challenge(request, stale=", stale=true")
                return False
            if self._is_right(request, values):
                return True
        self._challenge(request)
        return False

    def _is_right(self, request: Request, values: dict[str, str]) -> bool:
        user = values["username"]
        challenge = Challenge(realm="pbx", nonce=values["nonce"], qop=("auth",))
        expected = compute_response(
            challenge,
            Credentials(user, self.passwords.get(user, "?")),
            (request.method, values["uri"]),
            (int(values["nc"], 16), values["cnonce"]),
        )
        return expected == values["response"]

    def _challenge(self, request: Request, *, stale: str = "") -> None:
        self.challenges += 1
        nonce = f"nonce{self.challenges}-{self.address[0]}"
        self.nonce_uses[nonce] = 0
        value = f'Digest realm="pbx", nonce="{nonce}", qop="auth", algorithm=MD5{stale}'
        self.node.reply(request, 401, headers=(("WWW-Authenticate", value),))


def _pairs(header: str) -> dict[str, str]:
    parts = header.removeprefix("Digest ").split(", ")
    return {name: value.strip('"') for name, _, value in (part.partition("=") for part in parts)}
