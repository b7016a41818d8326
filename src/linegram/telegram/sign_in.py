"""Signing the calling account in: by code or by QR, with a two-step password. Knows no terminal.

Each step returns what comes next; what a person can put right is a RefusedError
with a sentence, what only time can is an UnavailableError.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeVar

from telethon import utils
from telethon.errors.rpcbaseerrors import RPCError
from telethon.errors.rpcerrorlist import SessionPasswordNeededError

from linegram.errors import RefusedError, UnavailableError
from linegram.telegram.connection import TelegramSettings, sign_in_client
from linegram.telegram.errors import error_name, wait_of
from linegram.telegram.rpc import answered
from linegram.telegram.session import AccountSession, SessionStore
from linegram.units import TelegramUserId

CONNECT_WITHIN_S: Final = 30.0

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PHONE_NUMBER_INVALID": "Telegram does not accept this number. Write it in full: +43 1 234567.",
        "PHONE_NUMBER_BANNED": "Telegram has banned this number. Use another one.",
        "PHONE_NUMBER_FLOOD": "Too many codes were asked for this number. Try again tomorrow.",
        "PHONE_PASSWORD_FLOOD": "Too many sign-ins were tried with this number. Try again tomorrow.",
        "PHONE_NUMBER_UNOCCUPIED": "This number has no Telegram account. Sign up in a Telegram app first.",
        "PHONE_CODE_EMPTY": "The code is empty. Type the digits that Telegram sent.",
        "PHONE_CODE_INVALID": "The code is wrong. Look again at the message from Telegram.",
        "PHONE_CODE_EXPIRED": "The code is no longer valid. Ask for a new one.",
        "PASSWORD_HASH_INVALID": "The two-step password is wrong.",
        "USER_DEACTIVATED": "This account was deleted.",
        "USER_DEACTIVATED_BAN": "Telegram has banned this account.",
        "AUTH_TOKEN_EXPIRED": "The QR code is no longer valid. Show a new one.",
        "API_ID_INVALID": "api_id and api_hash do not belong together. Copy both again from https://my.telegram.org.",
        "API_ID_PUBLISHED_FLOOD": "This api_id is public and blocked. Make your own at https://my.telegram.org.",
        "UPDATE_APP_TO_LOGIN": "Telegram wants a newer application. Update Linegram.",
    }
)

T = TypeVar("T")


class Step(Enum):
    """What comes next."""

    ENTER_CODE = "enter_code"
    ENTER_PASSWORD = "enter_password"  # noqa: S105 - the name of a step
    SHOW_QR_AGAIN = "show_qr_again"
    SIGNED_IN = "signed_in"


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a Telegram app must scan: draw `url` as a QR code before it expires."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedInAccount:
    """Who the calling account is."""

    user_id: TelegramUserId
    name: str
    username: str | None
    phone: str | None


class SignIn:
    """One sign-in: `async with SignIn(settings, store) as sign_in: ...`.

    The session is in the store as soon as a step returned SIGNED_IN.
    """

    def __init__(self, settings: TelegramSettings, store: SessionStore) -> None:
        self._settings = settings
        self._session = AccountSession()
        self._store = store
        self._client: Any = None
        self._phone = ""
        self._scan: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        """Connect; raises UnavailableError if Telegram does not answer."""
        self._client = sign_in_client(self._settings, self._session)
        await self._explained(self._client.connect(), within_s=CONNECT_WITHIN_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._forget_scan()
        await self._client.disconnect()

    # ---- by code

    async def request_code(self, phone: str) -> Step:
        """Let Telegram send a code to this number."""
        number = utils.parse_phone(phone)
        if number is None:
            raise RefusedError(SENTENCES["PHONE_NUMBER_INVALID"])
        self._phone = number
        await self._explained(self._client.send_code_request(number))
        return Step.ENTER_CODE

    async def enter_code(self, code: str) -> Step:
        """Sign in with the code that Telegram sent."""
        digits = "".join(character for character in code if character.isdigit())
        if not digits:
            raise RefusedError(SENTENCES["PHONE_CODE_EMPTY"])
        return await self._finish(self._client.sign_in(self._phone, digits))

    # ---- by QR

    async def show_qr(self) -> QrCode:
        """Return a fresh QR code; the one shown before is no longer watched."""
        self._forget_scan()
        login = await self._explained(self._client.qr_login())
        self._scan = asyncio.create_task(login.wait(), name="telegram_qr")
        return QrCode(login.url, login.expires)

    async def wait_for_scan(self) -> Step:
        """Wait until the QR code was scanned and confirmed, or has expired."""
        if self._scan is None:
            raise RefusedError(SENTENCES["AUTH_TOKEN_EXPIRED"])
        scan, self._scan = self._scan, None
        try:
            return await self._finish(scan)
        except UnavailableError as error:
            if isinstance(error.__cause__, TimeoutError):
                return Step.SHOW_QR_AGAIN
            raise

    def _forget_scan(self) -> None:
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None

    # ---- password and end

    async def enter_password(self, password: str) -> Step:
        """Answer the question for the two-step password."""
        return await self._finish(self._client.sign_in(password=password))

    async def account(self) -> SignedInAccount:
        """Return who has signed in; raises RefusedError if nobody has."""
        me = await self._explained(self._client.get_me())
        if me is None:
            raise RefusedError("Nobody has signed in.")
        return SignedInAccount(TelegramUserId(me.id), utils.get_display_name(me), me.username, me.phone)

    async def _finish(self, work: Awaitable[Any]) -> Step:
        try:
            await self._explained(work)
        except SessionPasswordNeededError:
            return Step.ENTER_PASSWORD
        await self._store.save(self._session.export())
        return Step.SIGNED_IN

    async def _explained(self, work: Awaitable[T], *, within_s: float = 60.0) -> T:
        """Return what came of it, or raise its failure as a sentence."""
        try:
            return await answered(work, within_s=within_s)
        except SessionPasswordNeededError:
            raise
        except RPCError as error:
            raise RefusedError(sentence_of(error)) from error
        except (OSError, TimeoutError) as error:
            raise UnavailableError("Telegram does not answer.") from error


def sentence_of(error: RPCError) -> str:
    """Say to a person what went wrong with the sign-in."""
    seconds = wait_of(error)
    if seconds is not None:
        return f"Telegram asks to wait {_duration(seconds)} before the next try."
    name = error_name(error)
    return SENTENCES.get(name, f"Telegram refused: {name}.")


def _duration(seconds: int) -> str:
    if seconds < 120:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if seconds < 7200:
        return f"{-(-seconds // 60)} minutes"
    return f"{-(-seconds // 3600)} hours"
