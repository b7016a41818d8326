"""Who exists: people, bots and calling accounts, what they allow, and who may name whom."""

import hashlib
import struct
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from linegram.sandbox.world.refusals import bad_request

SERVICE_USER_ID = 777000
"""Telegram's own account: sends login codes."""


class Audience(Enum):
    """Whom a privacy rule lets through before its exceptions."""

    EVERYBODY = "everybody"
    CONTACTS = "contacts"
    NOBODY = "nobody"


@dataclass(slots=True)
class PrivacyRule:
    """One privacy setting (core.telegram.org/api/privacy)."""

    audience: Audience = Audience.EVERYBODY
    allowed_ids: set[int] = field(default_factory=set)
    refused_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class BotSettings:
    """What BotFather knows of a bot."""

    token: str
    is_inline: bool = True
    has_inline_feedback: bool = True
    commands: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, eq=False)
class Person:
    """A user of Telegram: a person, or a bot if `bot` is set."""

    user_id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    phone: str = ""
    language_code: str = "en"
    password: str = ""
    bot: BotSettings | None = None
    is_deleted: bool = False
    is_app_outdated: bool = False
    phone_call_privacy: PrivacyRule = field(default_factory=PrivacyRule)
    phone_p2p_privacy: PrivacyRule = field(default_factory=PrivacyRule)
    contact_ids: set[int] = field(default_factory=set)
    blocked_ids: set[int] = field(default_factory=set)
    met_ids: set[int] = field(default_factory=set)

    def lets(self, rule: PrivacyRule, asker_id: int) -> bool:
        """Return whether one of this person's privacy rules lets `asker_id` through."""
        if asker_id in rule.allowed_ids:
            return True
        if asker_id in rule.refused_ids:
            return False
        if rule.audience is Audience.CONTACTS:
            return asker_id in self.contact_ids
        return rule.audience is Audience.EVERYBODY


class People:
    """The register of everybody.

    An access hash is worth something only to the one it was given to, and it is given when he
    meets the other: by a message, a call, or a look-up (core.telegram.org/api/peers).
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._secret = random.randbytes(16)
        self._by_id: dict[int, Person] = {}
        self._next_id = random.randrange(500_000_000, 600_000_000)
        self._add(Person(SERVICE_USER_ID, "Telegram", phone="42777"))

    def add_person(
        self, first_name: str, *, phone: str = "", username: str = "", password: str = "", last_name: str = ""
    ) -> Person:
        """Register a person; phone is digits only and is made up when not given."""
        user_id = self._take_id()
        phone = phone.lstrip("+") or f"99966{user_id % 10_000_000:07d}"
        person = Person(user_id, first_name, last_name, username, phone, password=password)
        return self._add(person)

    def add_bot(self, first_name: str, *, username: str, token: str = "") -> Person:
        """Register a bot; its token is made up when not given."""
        user_id = int(token.partition(":")[0]) if token else self._take_id()
        secret = token or f"{user_id}:{self._random.randbytes(17).hex()}"
        return self._add(Person(user_id, first_name, username=username, bot=BotSettings(secret)))

    def _take_id(self) -> int:
        self._next_id += self._random.randrange(1, 1000)
        return self._next_id

    def _add(self, person: Person) -> Person:
        self._by_id[person.user_id] = person
        return person

    def get(self, user_id: int) -> Person:
        """Return who has this id; KeyError if nobody: for the world's own use, never for a request."""
        return self._by_id[user_id]

    def bot_ids(self) -> set[int]:
        """Return the ids of all bots."""
        return {person.user_id for person in self._by_id.values() if person.bot is not None}

    def bot_by_token(self, token: str) -> Person:
        """Return the bot with this token; refuse an unknown one."""
        for person in self._by_id.values():
            if person.bot is not None and person.bot.token == token:
                return person
        raise bad_request("ACCESS_TOKEN_INVALID")

    def person_by_phone(self, phone: str) -> Person | None:
        """Return whose phone number this is, deleted accounts excluded."""
        digits = phone.lstrip("+").replace(" ", "")
        for person in self._by_id.values():
            if person.phone == digits and person.bot is None and not person.is_deleted:
                return person
        return None

    def look_up_phone(self, viewer_id: int, phone: str) -> Person:
        """Let the viewer meet the owner of a number (contacts.resolvePhone)."""
        person = self.person_by_phone(phone)
        if person is None:
            raise bad_request("PHONE_NOT_OCCUPIED")
        self.meet(viewer_id, person.user_id)
        return person

    def look_up_username(self, viewer_id: int, username: str) -> Person:
        """Let the viewer meet the owner of a username (contacts.resolveUsername)."""
        wanted = username.lstrip("@").lower()
        for person in self._by_id.values():
            if person.username and person.username.lower() == wanted and not person.is_deleted:
                self.meet(viewer_id, person.user_id)
                return person
        raise bad_request("USERNAME_NOT_OCCUPIED")

    def meet(self, viewer_id: int, other_id: int) -> int:
        """Let the viewer name the other from now on; returns his access hash of him."""
        self._by_id[viewer_id].met_ids.add(other_id)
        return self.access_hash(viewer_id, other_id)

    def has_met(self, viewer_id: int, other_id: int) -> bool:
        """Return whether the viewer may name the other."""
        return viewer_id == other_id or other_id in self._by_id[viewer_id].met_ids

    def access_hash(self, viewer_id: int, other_id: int) -> int:
        """Return the viewer's access hash of the other, a signed 64-bit number that is never 0."""
        digest = hashlib.sha256(self._secret + struct.pack("<qq", viewer_id, other_id)).digest()
        return int.from_bytes(digest[:8], "little", signed=True) | 1

    def named(self, viewer_id: int, user_id: int, access_hash: int) -> Person:
        """Return whom the viewer names; refuse a hash that is not his (USER_ID_INVALID)."""
        person = self._by_id.get(user_id)
        if person is None:
            raise bad_request("USER_ID_INVALID")
        if user_id == viewer_id:
            return person
        if not self.has_met(viewer_id, user_id) or access_hash != self.access_hash(viewer_id, user_id):
            raise bad_request("USER_ID_INVALID")
        return person

    def add_contact(self, owner_id: int, contact_id: int) -> None:
        """Put somebody into the owner's contacts, which lets him through the owner's "contacts" rules."""
        self.meet(owner_id, contact_id)
        self._by_id[owner_id].contact_ids.add(contact_id)
