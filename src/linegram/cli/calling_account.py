"""The stored calling account, connected for a moment: who it is, and whether Telegram still knows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from telethon import TelegramClient
from telethon.errors.rpcbaseerrors import RPCError
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.types import User

from linegram.errors import RefusedError, RemoteProtocolError, UnavailableError
from linegram.telegram.connection import TelegramSettings, sign_in_client
from linegram.telegram.rpc import ask
from linegram.telegram.session import AccountSession, SessionStore
from linegram.telegram.sign_in import sentence_of

SIGNED_OUT = "The calling account is not signed in. Run `linegram init`."


@asynccontextmanager
async def calling_account(
    settings: TelegramSettings, store: SessionStore
) -> AsyncIterator[tuple[TelegramClient, User]]:
    """Connect with the stored session; what changes in it is forgotten.

    Never while a service uses it. Raises RefusedError if nobody is signed in, UnavailableError if
    Telegram does not answer.
    """
    stored = await store.load()
    if stored is None:
        raise RefusedError(SIGNED_OUT)
    session = AccountSession()
    try:
        session.load(stored)
    except RemoteProtocolError:
        raise RefusedError("The stored sign-in cannot be read. Run `linegram init --sign-in`.") from None
    async with _connected(settings, session) as client:
        me = await client.get_me()
        if me is None:
            raise RefusedError("Telegram has ended the sign-in of the calling account. Run `linegram init`.")
        yield client, me


async def telegram_time(settings: TelegramSettings) -> datetime:
    """Ask Telegram for the time, as nobody in particular. Raises UnavailableError if it does not answer."""
    async with _connected(settings, AccountSession()) as client:
        date: datetime = (await ask(client, GetConfigRequest())).date
        return date


@asynccontextmanager
async def _connected(settings: TelegramSettings, session: AccountSession) -> AsyncIterator[TelegramClient]:
    client = sign_in_client(settings, session)
    try:
        await client.connect()
        yield client
    except RPCError as error:
        raise RefusedError(sentence_of(error)) from error
    except (OSError, TimeoutError) as error:
        raise UnavailableError("Telegram does not answer.") from error
    finally:
        with suppress(OSError, asyncio.CancelledError):
            await client.disconnect()
