"""Signing in: codes sent to a phone number, and tokens shown as a QR code."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from linegram.sandbox.world.events import DeviceKey
from linegram.sandbox.world.people import People, Person
from linegram.sandbox.world.refusals import bad_request

CODE_LIFETIME_S = 300.0
TOKEN_LIFETIME_S = 30.0


@dataclass(frozen=True, slots=True)
class LoginCode:
    """A code that was "sent" to a phone; tests read it from here."""

    phone: str
    code: str
    code_hash: str
    expires_at_s: float


@dataclass(slots=True, eq=False)
class LoginToken:
    """What a QR code shows; `accepted_by` is set once somebody scanned it."""

    token: bytes
    device: DeviceKey
    expires_at_s: float
    accepted_by: int | None = None


class SignIn:
    """All sign-ins under way."""

    def __init__(self, people: People, *, clock: Callable[[], float], random: Random) -> None:
        self._people = people
        self._clock = clock
        self._random = random
        self._codes: dict[str, LoginCode] = {}
        self._tokens: dict[bytes, LoginToken] = {}
        self.on_token_accepted: Callable[[DeviceKey], None] = lambda _session: None

    def send_code(self, phone: str) -> LoginCode:
        """Make a code for a phone number."""
        digits = phone.lstrip("+").replace(" ", "")
        if not digits.isdigit() or not 5 <= len(digits) <= 15:
            raise bad_request("PHONE_NUMBER_INVALID")
        code = f"{self._random.randrange(100_000):05d}"
        sent = LoginCode(digits, code, self._random.randbytes(9).hex(), self._clock() + CODE_LIFETIME_S)
        self._codes[digits] = sent
        return sent

    def code_for(self, phone: str) -> str:
        """Return the code that was sent last: the reader's glance at the phone."""
        return self._codes[phone.lstrip("+")].code

    def check_code(self, phone: str, code_hash: str, code: str) -> Person | None:
        """Return who signs in with a code, None if the number has no account yet."""
        sent = self._codes.get(phone.lstrip("+").replace(" ", ""))
        if sent is None or sent.code_hash != code_hash or self._clock() > sent.expires_at_s:
            raise bad_request("PHONE_CODE_EXPIRED")
        if not code:
            raise bad_request("PHONE_CODE_EMPTY")
        if code != sent.code:
            raise bad_request("PHONE_CODE_INVALID")
        person = self._people.person_by_phone(sent.phone)
        if person is not None:
            del self._codes[sent.phone]
        return person

    def sign_up(self, phone: str, code_hash: str, first_name: str, last_name: str) -> Person:
        """Make an account for a number whose code was right."""
        sent = self._codes.pop(phone.lstrip("+"), None)
        if sent is None or sent.code_hash != code_hash:
            raise bad_request("PHONE_CODE_EXPIRED")
        if not first_name:
            raise bad_request("FIRSTNAME_INVALID")
        return self._people.add_person(first_name, last_name=last_name, phone=sent.phone)

    def export_token(self, device: DeviceKey) -> LoginToken:
        """Return the device's login token: the one just accepted, else a fresh one."""
        for token in self._tokens.values():
            if token.device == device and token.accepted_by is not None:
                del self._tokens[token.token]
                return token
        expires_at_s = self._clock() + TOKEN_LIFETIME_S
        fresh = LoginToken(self._random.randbytes(32), device, expires_at_s)
        self._tokens[fresh.token] = fresh
        return fresh

    def accept_token(self, accepter_id: int, token: bytes) -> None:
        """Let the device that shows this token in as the accepter."""
        shown = self._tokens.get(token)
        if shown is None:
            raise bad_request("AUTH_TOKEN_INVALIDX")
        if shown.accepted_by is not None:
            raise bad_request("AUTH_TOKEN_ALREADY_ACCEPTED")
        if self._clock() > shown.expires_at_s:
            raise bad_request("AUTH_TOKEN_EXPIRED")
        shown.accepted_by = accepter_id
        self.on_token_accepted(shown.device)
