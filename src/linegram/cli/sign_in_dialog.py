"""Signs the calling account in with the person at the terminal: by code or QR, then perhaps a password."""

from telethon.errors.rpcbaseerrors import RPCError

from linegram.cli.terminal import Terminal
from linegram.errors import RefusedError
from linegram.telegram.errors import error_name
from linegram.telegram.sign_in import SignedInAccount, SignIn, Step

BY_QR = "qr"
HOW_TO_SCAN = (
    "In the Telegram app of the calling account open Settings, Devices, Link Desktop Device, and scan this:"
)
WHERE_THE_CODE_IS = (
    "Telegram has sent a code to the app of this account (chat “Telegram”), or by SMS if it has none."
)

_APPLICATION_ERRORS = frozenset({"API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"})


class WrongApplicationError(RefusedError):
    """Telegram does not accept api_id and api_hash."""


async def sign_in(steps: SignIn, terminal: Terminal, phone: str) -> SignedInAccount:
    """Go on until somebody is signed in; what Telegram refuses is said, and asked again.

    Raises WrongApplicationError if another api_id is needed, UnavailableError if Telegram is away.
    """
    step = await _first_step(steps, terminal, phone)
    while step is not Step.SIGNED_IN:
        step = await _password(steps, terminal)
    return await steps.account()


async def _first_step(steps: SignIn, terminal: Terminal, phone: str) -> Step:
    """Sign in by code or QR; a number that Telegram refuses is asked for again."""
    while True:
        answer = phone or terminal.ask(f"Telephone number of the calling account, or {BY_QR} to scan a code")
        phone = ""
        try:
            if answer.lower() == BY_QR:
                return await _scan(steps, terminal)
            if answer:
                return await _code(steps, terminal, answer)
        except RefusedError as refused:
            _raise_if_about_application(refused)
            terminal.say(str(refused))


async def _scan(steps: SignIn, terminal: Terminal) -> Step:
    terminal.say(HOW_TO_SCAN)
    step = Step.SHOW_QR_AGAIN
    while step is Step.SHOW_QR_AGAIN:
        terminal.show_qr((await steps.show_qr()).url)
        with terminal.busy("Waiting for the scan ..."):
            step = await steps.wait_for_scan()
    return step


async def _code(steps: SignIn, terminal: Terminal, phone: str) -> Step:
    """Ask for the code until it is right. An empty answer gives up this number (RefusedError)."""
    with terminal.busy("Asking Telegram for a code ..."):
        await steps.request_code(phone)
    terminal.say(WHERE_THE_CODE_IS)
    while True:
        code = terminal.ask("Code (Enter alone: another number, or a new code)")
        if not code:
            raise RefusedError("Then once more from the number.")
        try:
            return await steps.enter_code(code)
        except RefusedError as refused:
            if _error_name(refused) != "PHONE_CODE_INVALID" and refused.__cause__ is not None:
                raise
            terminal.say(str(refused))


async def _password(steps: SignIn, terminal: Terminal) -> Step:
    while True:
        try:
            password = terminal.ask_hidden("Password of the two-step verification (does not show)")
            return await steps.enter_password(password)
        except RefusedError as refused:
            terminal.say(str(refused))


def _raise_if_about_application(refused: RefusedError) -> None:
    if _error_name(refused) in _APPLICATION_ERRORS:
        raise WrongApplicationError(str(refused)) from refused


def _error_name(refused: RefusedError) -> str:
    cause = refused.__cause__
    return error_name(cause) if isinstance(cause, RPCError) else ""
