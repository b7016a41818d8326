"""Where Telegram is and as what we come: everything that the Telethon client is made from."""

from dataclasses import dataclass, field
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa

from linegram.config import Settings
from linegram.telegram.session import AccountSession


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramServer:
    """A server that is not Telegram's own: a sandbox, for instance. `public_key_pem` is PKCS#1."""

    host: str
    port: int
    dc_id: int = 2
    public_key_pem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """The application (my.telegram.org) in whose name we sign in; `server` None is the real Telegram."""

    api_id: int
    api_hash: str = field(repr=False)
    server: TelegramServer | None = None
    device_model: str = "Linegram"
    connect_within_s: int = 10


def telegram_settings(settings: Settings) -> TelegramSettings:
    """Return what the configuration says of the calling account's way to Telegram."""
    telegram = settings.telegram
    server = None
    if telegram.server_host:
        key = telegram.public_key_file.read_text("ascii") if telegram.public_key_file else ""
        server = TelegramServer(
            host=telegram.server_host,
            port=telegram.server_port,
            dc_id=telegram.server_dc_id,
            public_key_pem=key,
        )
    return TelegramSettings(
        api_id=telegram.api_id, api_hash=telegram.api_hash.get_secret_value(), server=server
    )


def calling_client(settings: TelegramSettings, session: AccountSession) -> TelegramClient:
    """Return the client of a calling account, not yet connected.

    It never sleeps on a flood wait and never repeats a refused request: on the
    path of a call an answer now is worth more than a better one later. It
    reconnects for ever, and then sends again what was not answered.
    """
    return _client(
        settings,
        session,
        request_retries=0,
        raise_last_call_error=True,
        connection_retries=-1,
        flood_sleep_threshold=0,
        sequential_updates=True,
        catch_up=True,
    )


def sign_in_client(settings: TelegramSettings, session: AccountSession) -> TelegramClient:
    """Return a client for a person who waits at a terminal, not yet connected."""
    return _client(
        settings, session, connection_retries=2, flood_sleep_threshold=0, raise_last_call_error=True
    )


def _client(settings: TelegramSettings, session: AccountSession, **behaviour: Any) -> TelegramClient:
    server = settings.server
    if server is not None:
        session.set_dc(server.dc_id, server.host, server.port)
        if server.public_key_pem:
            rsa.add_key(server.public_key_pem, old=False)
    return TelegramClient(
        session,
        settings.api_id,
        settings.api_hash,
        timeout=settings.connect_within_s,
        device_model=settings.device_model,
        app_version="1.0",
        base_logger="linegram.telethon",
        **behaviour,
    )
