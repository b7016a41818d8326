"""What `linegram check` looks at, in order; what depends on something that failed is left out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from linegram.cli import check_lines, check_machine, check_telegram
from linegram.cli.findings import Finding, Mark, find_out
from linegram.config import Settings
from linegram.errors import RefusedError, UnavailableError
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database


async def inspect(settings: Settings, service: str | None) -> AsyncIterator[Finding]:
    """Look at everything. `service` is the process number of a service that runs here."""
    configuration = await find_out("configuration", check_machine.configuration(settings))
    yield configuration
    yield await find_out("voice engines", check_machine.voice_engines(settings.media))
    yield await find_out("RTP ports", check_machine.rtp_ports(settings.rtp, service))
    yield await find_out("SIP port", check_machine.sip_port(settings.sip, service))
    is_complete = configuration.mark is Mark.OK
    if is_complete:
        yield await find_out("clock", check_telegram.clock(settings))
        yield await find_out("bot token", check_telegram.bot_token(settings))
        yield await find_out("inline mode", check_telegram.inline_mode(settings))
    async with AsyncExitStack() as stack:
        try:
            database = await stack.enter_async_context(await check_machine.open_database(settings))
        except (RefusedError, UnavailableError) as failure:
            yield Finding("key and database", Mark.FAILED, str(failure))
            return
        yield Finding("key and database", Mark.OK, "the key opens the database")
        if is_complete:
            yield await find_out("calling account", check_telegram.signed_in(settings, database, service))
            yield await find_out(
                "inline feedback", check_telegram.inline_feedback(settings, database, service), within_s=20
            )
        for finding in await _lines(settings, database, service):
            yield finding


async def _lines(settings: Settings, database: Database, service: str | None) -> list[Finding]:
    repository = AccountRepository(database)
    accounts = [account for account in await repository.all() if account.is_enabled]
    if not accounts:
        return [Finding("accounts", Mark.NOT_CHECKED, "None is on; `linegram accounts add` adds one.")]
    if service is None:
        try:
            return await check_lines.try_lines(accounts, settings.sip)
        except UnavailableError as failure:
            return [Finding("accounts", Mark.FAILED, str(failure))]
    statuses = {status.account_id: status for status in await repository.statuses()}
    return [check_lines.reported_line(account, statuses.get(account.account_id)) for account in accounts]
