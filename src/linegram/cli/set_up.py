"""What `linegram init` does, in order. Each step keeps what is there and asks only for what is missing."""

from contextlib import AsyncExitStack

from linegram.cli.bot_dialog import FEEDBACK, bot_of, set_up_bot
from linegram.cli.calling_account import calling_account
from linegram.cli.configuration_file import ConfigurationFile
from linegram.cli.inline_probe import probe_inline
from linegram.cli.sign_in_dialog import WrongApplicationError, sign_in
from linegram.cli.terminal import Terminal
from linegram.config import Settings
from linegram.errors import RefusedError, UnavailableError
from linegram.storage.database import Database
from linegram.storage.sessions import SessionStore
from linegram.storage.vault import create_key_file, open_vault
from linegram.telegram.connection import telegram_settings
from linegram.telegram.sign_in import SignedInAccount, SignIn
from linegram.units import TelegramUserId

APPLICATION = (
    "The application. Sign in at https://my.telegram.org, open “API development tools”, create an "
    "application (any name), and copy its api_id and api_hash."
)
CALLING_ACCOUNT = (
    "The calling account: an ordinary Telegram account with a telephone number of its own, which will "
    "carry the calls. Do not take a private one. Sign up in a Telegram app first."
)
NEXT = (
    "All is set up. Add the first line with `linegram accounts add LOGIN PBX --owner TELEGRAM-NUMBER`, "
    "try everything with `linegram check`, and start with `linegram serve`."
)


async def set_up(file: ConfigurationFile, terminal: Terminal, *, is_new_sign_in: bool) -> None:
    """Fill in the configuration, make key and database, sign the calling account in, try a card.

    Raises RefusedError for what cannot be put right by answering again.
    """
    terminal.say(f"The configuration {'is written to' if file.is_new else 'is in'} {file.path}.")
    bot = await set_up_bot(file, terminal)
    _set_up_application(file, terminal)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await _database(file.settings()))
        store = SessionStore(database)
        account = None if is_new_sign_in else await _signed_in(file, terminal, store)
        if account is None:
            phone = "" if is_new_sign_in else file.settings().telegram.phone
            account = await _sign_in(file, terminal, store, phone)
            _keep_phone(file, account)
        elif not file.settings().telegram.phone:
            _keep_phone(file, account)
        who = account.name if account.username is None else f"{account.name} (@{account.username})"
        terminal.say(f"The calling account is {who}.")
        await _try_cards(file, terminal, store, bot.username or "")
    terminal.say(NEXT)


def _set_up_application(file: ConfigurationFile, terminal: Terminal, *, is_wrong: bool = False) -> None:
    telegram = file.settings().telegram
    has_id, has_hash = bool(telegram.api_id), bool(telegram.api_hash.get_secret_value())
    if has_id and has_hash and not is_wrong:
        return
    terminal.say(f"\n{APPLICATION}")
    values: dict[str, str | int] = {}
    while not has_id or is_wrong:
        number = terminal.ask("api_id")
        if number.isascii() and number.isdigit() and 0 < int(number) < 2**31:
            values["telegram.api_id"] = int(number)
            break
        terminal.say("The api_id is a number.")
    while not has_hash or is_wrong:
        if secret := terminal.ask("api_hash"):
            values["telegram.api_hash"] = secret
            break
        terminal.say("The api_hash is a word of letters and digits.")
    file.remember(values)


async def _database(settings: Settings) -> Database:
    """Open the database, with a new key if there is neither."""
    key = settings.key.get_secret_value()
    if not key:
        data = settings.data_dir / "linegram.db"
        if data.exists() and data.stat().st_size and not settings.key_path.exists():
            raise RefusedError(
                f"There is a database {data}, but its key {settings.key_path} is gone: put the key back, "
                "or move the database away to begin anew."
            )
        create_key_file(settings.key_path)
    return await Database.open(settings.database_url, open_vault(key, settings.key_path))


async def _signed_in(
    file: ConfigurationFile, terminal: Terminal, store: SessionStore
) -> SignedInAccount | None:
    """Return who is signed in already; None if nobody is."""
    if await store.load() is None:
        return None
    while True:
        try:
            with terminal.busy("Asking Telegram for the calling account ..."):
                async with calling_account(telegram_settings(file.settings()), store) as (_, me):
                    name = " ".join(filter(None, (me.first_name, me.last_name)))
                    return SignedInAccount(TelegramUserId(me.id), name, me.username, me.phone)
        except RefusedError as refused:
            terminal.say(str(refused))
            return None
        except UnavailableError as failure:
            _wait_for_telegram(terminal, failure)


async def _sign_in(
    file: ConfigurationFile, terminal: Terminal, store: SessionStore, phone: str
) -> SignedInAccount:
    """Sign in; what Telegram refuses is asked for again, the application too."""
    terminal.say(f"\n{CALLING_ACCOUNT}")
    while True:
        try:
            async with SignIn(telegram_settings(file.settings()), store) as steps:
                return await sign_in(steps, terminal, phone)
        except WrongApplicationError as wrong:
            terminal.say(str(wrong))
            _set_up_application(file, terminal, is_wrong=True)
        except UnavailableError as failure:
            _wait_for_telegram(terminal, failure)


def _keep_phone(file: ConfigurationFile, account: SignedInAccount) -> None:
    phone = f"+{account.phone}"
    if account.phone and file.settings().telegram.phone != phone:
        file.remember({"telegram.phone": phone})


async def _try_cards(
    file: ConfigurationFile, terminal: Terminal, store: SessionStore, bot_username: str
) -> None:
    """Try a card until it works or the person has had enough."""
    settings = file.settings()
    while True:
        try:
            with terminal.busy("Trying a call card ..."):
                async with (
                    bot_of(settings) as (bot, _),
                    calling_account(telegram_settings(settings), store) as (client, _),
                ):
                    await probe_inline(bot, client, bot_username)
        except (RefusedError, UnavailableError) as failure:
            terminal.say(str(failure))
            terminal.say(FEEDBACK.format(username=bot_username))
            if terminal.ask("Press Enter to try again, or type skip") == "skip":
                return
        else:
            terminal.say("Call cards work: inline mode and inline feedback are on.")
            return


def _wait_for_telegram(terminal: Terminal, failure: UnavailableError) -> None:
    terminal.say(str(failure))
    terminal.ask("Press Enter to try again")
