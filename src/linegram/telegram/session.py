"""What Telethon must remember of a signed-in account, as one text that a store can keep encrypted.

Telethon's own StringSession forgets the access hashes, without which a calling
account can call nobody after a restart; this one keeps them.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession, StringSession
from telethon.tl import types

from linegram.errors import RemoteProtocolError


class SessionStore(Protocol):
    """Where the session of a calling account is kept. The text is a secret: encrypt it at rest."""

    async def load(self) -> str | None:
        """Return what was saved last; None if nobody has signed in."""

    async def save(self, session: str) -> None:
        """Keep the session instead of the one before."""


class _Entity(msgspec.Struct, frozen=True, array_like=True):
    entity_id: int
    access_hash: int
    username: str | None = None


class _UpdateState(msgspec.Struct, frozen=True, array_like=True):
    entity_id: int
    pts: int
    qts: int
    date_s: int
    seq: int


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    dc_id: int
    server: str | None
    port: int | None
    auth_key: bytes
    entities: list[_Entity] = []
    update_states: list[_UpdateState] = []


class AccountSession(MemorySession):
    """Telethon's session in memory, with export and import; `on_changed` hears of what is worth saving."""

    def __init__(self, on_changed: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.on_changed = on_changed
        self._by_id: dict[int, _Entity] = {}

    # ---- out and in

    def export(self) -> str:
        """Return all that a later process needs; a secret."""
        remembered = _Remembered(
            dc_id=self._dc_id,
            server=self._server_address,
            port=self._port,
            auth_key=self._auth_key.key if self._auth_key and self._auth_key.key else b"",
            entities=list(self._by_id.values()),
            update_states=[_remember_state(key, state) for key, state in self._update_states.items()],
        )
        return msgspec.json.encode(remembered).decode()

    def load(self, text: str) -> None:
        """Take over what `export` returned, or a StringSession of Telethon.

        Raises RemoteProtocolError if the text is neither.
        """
        if not text.startswith("{"):
            self._load_string_session(text)
            return
        try:
            remembered = msgspec.json.decode(text, type=_Remembered)
        except msgspec.MsgspecError as error:
            raise RemoteProtocolError("the stored Telegram session cannot be read") from error
        self.set_dc(remembered.dc_id, remembered.server, remembered.port)
        self._auth_key = AuthKey(remembered.auth_key) if remembered.auth_key else None
        self._by_id = {entity.entity_id: entity for entity in remembered.entities}
        self._update_states = {state.entity_id: _as_tl(state) for state in remembered.update_states}

    def _load_string_session(self, text: str) -> None:
        try:
            other = StringSession(text)
        except (ValueError, struct.error) as error:
            raise RemoteProtocolError("the stored Telegram session cannot be read") from error
        self.set_dc(other.dc_id, other.server_address, other.port)
        self._auth_key = other.auth_key

    @property
    def has_key(self) -> bool:
        """Say whether a server knows this session at all."""
        return self._auth_key is not None

    # ---- what Telethon calls

    def process_entities(self, tlo: Any) -> None:
        """Remember the access hashes of all users in an answer or update."""
        changed = False
        for entity_id, access_hash, username, _phone, _name in self._entities_to_rows(tlo):
            entity = _Entity(entity_id, access_hash, username)
            changed |= self._by_id.get(entity_id) != entity
            self._by_id[entity_id] = entity
        if changed:
            self._note_change()

    def get_entity_rows_by_id(self, id: int, *_exact: bool, **_names: bool) -> tuple[int, int] | None:  # noqa: A002
        """Return (id, access hash) of a user whom this account has seen; ids of users are always exact."""
        entity = self._by_id.get(id)
        return None if entity is None else (entity.entity_id, entity.access_hash)

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        """Return (id, access hash) by a name without the @."""
        wanted = username.lower()
        found = next((entity for entity in self._by_id.values() if entity.username == wanted), None)
        return None if found is None else (found.entity_id, found.access_hash)

    def get_entity_rows_by_phone(self, phone: str) -> None:
        """Find nobody: numbers of people are not kept."""

    def get_entity_rows_by_name(self, name: str) -> None:
        """Find nobody: names of people are not kept."""

    def set_update_state(self, entity_id: int, state: Any) -> None:
        """Remember up to where updates were seen."""
        super().set_update_state(entity_id, state)
        self._note_change()

    def save(self) -> None:
        """Ask to be saved: Telethon calls this after sign-in and every minute."""
        self._note_change()

    def _note_change(self) -> None:
        if self.on_changed is not None:
            self.on_changed()


def _remember_state(entity_id: int, state: Any) -> _UpdateState:
    return _UpdateState(entity_id, state.pts, state.qts, int(state.date.timestamp()), state.seq)


def _as_tl(state: _UpdateState) -> Any:
    date = datetime.fromtimestamp(state.date_s, UTC)
    return types.updates.State(state.pts, state.qts, date, state.seq, unread_count=0)
