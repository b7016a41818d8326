"""Whether every account can register at its PBX.

Without a service, each account registers for a minute with a Contact of its
own, and takes it away again. With one, its word counts: a second Contact could
push out the binding that calls come in by.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from linegram.agent.registrations import account_config
from linegram.cli.findings import CHECK_WITHIN_S, Finding, Mark, find_out
from linegram.config import SipSettings
from linegram.errors import RefusedError, UnavailableError
from linegram.link.accounts import RegistrationState
from linegram.office.account import AccountStatus, SipAccount, link_settings
from linegram.sip.events import RegistrationChanged, SipEvent
from linegram.sip.events import RegistrationState as SipState
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId

_EXPIRES_S: Final = 60
_AT_ONCE: Final = 50
_CLOSE_WITHIN_S: Final = 2.0

_WRONG_PASSWORD: Final = "Login or password is wrong: `linegram accounts change {number} --password`."  # noqa: S105
_ADVICE: Final[Mapping[int, str]] = {
    0: "Nobody answers there: check address, port, transport and firewall.",
    401: _WRONG_PASSWORD,
    403: _WRONG_PASSWORD,
    404: "The PBX does not know this login.",
    407: _WRONG_PASSWORD,
    408: "Nobody answers there: check address, port, transport and firewall.",
}


def reported_line(account: SipAccount, status: AccountStatus | None) -> Finding:
    """Return what the running service last heard from the PBX of an account."""
    if status is None:
        return Finding(_name(account), Mark.NOT_CHECKED, "The running service has not tried it yet.")
    if status.state is RegistrationState.ONLINE:
        return Finding(_name(account), Mark.OK, _registered(account))
    said = status.text or status.state.value
    return Finding(_name(account), Mark.FAILED, _trouble(account, status.sip_status, said))


async def try_lines(accounts: Sequence[SipAccount], sip: SipSettings) -> list[Finding]:
    """Register every account for a moment, some at a time; returns one finding each, in order.

    Raises UnavailableError if nothing can be sent from here at all.
    """
    async with _trial(sip) as trial:
        return await asyncio.gather(
            *(find_out(_name(account), trial.register(account), within_s=None) for account in accounts)
        )


class _Heard:
    """The first word of a PBX about each account."""

    def __init__(self) -> None:
        self._waiting: dict[AccountId, asyncio.Future[RegistrationChanged]] = {}

    def expect(self, account_id: AccountId) -> asyncio.Future[RegistrationChanged]:
        """Return what will hold the word."""
        self._waiting[account_id] = asyncio.get_running_loop().create_future()
        return self._waiting[account_id]

    def take(self, event: SipEvent) -> None:
        """Hear what a PBX said."""
        if isinstance(event, RegistrationChanged):
            waiting = self._waiting.get(event.account_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(event)


class _Trial:
    """Registers accounts with one SIP transport, and unregisters them."""

    def __init__(self, transport: SipTransport, heard: _Heard) -> None:
        self._transport = transport
        self._heard = heard
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def register(self, account: SipAccount) -> str:
        """Say that an account could register. Raises what the PBX said instead, as a sentence."""
        async with self._places:
            word = self._heard.expect(account.account_id)
            self._transport.put_account(replace(account_config(link_settings(account)), expires_s=_EXPIRES_S))
            try:
                async with asyncio.timeout(CHECK_WITHIN_S):
                    event = await word
            except TimeoutError:
                raise UnavailableError(_trouble(account, 0, "no answer")) from None
            finally:
                self._transport.drop_account(account.account_id)
        if event.state is not SipState.REGISTERED:
            raise RefusedError(_trouble(account, event.status, event.reason))
        return _registered(account)


@asynccontextmanager
async def _trial(sip: SipSettings) -> AsyncIterator[_Trial]:
    heard = _Heard()
    place = TransportSettings(sip.bind_ip, 0, is_tcp_listening=False, advertised_host=sip.public_ip)
    try:
        transport = await SipTransport.open(place, heard.take)
    except OSError as error:
        raise UnavailableError(
            f"Nothing can be sent from sip.bind_ip {sip.bind_ip}: {error.strerror}."
        ) from error
    try:
        yield _Trial(transport, heard)
    finally:
        await transport.close(limit_s=_CLOSE_WITHIN_S)


def _name(account: SipAccount) -> str:
    return f"account {account.account_id}"


def _registered(account: SipAccount) -> str:
    return f"{account.title} is registered at {account.server}:{account.port}"


def _trouble(account: SipAccount, status: int, reason: str) -> str:
    where = f"{account.address} at {account.server}:{account.port} ({account.transport.value.upper()})"
    said = f"{status or ''} {reason}".strip() or "no answer"
    advice = _ADVICE.get(status, "The log of the PBX says more.").format(number=account.account_id)
    return f"{where}: {said}. {advice}"
