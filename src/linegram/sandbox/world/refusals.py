"""What the sandbox Telegram answers to what Telegram would refuse. Knows no other file of the world."""

from linegram.errors import LinegramError


class TelegramRefusalError(LinegramError):
    """Telegram refuses a request: an HTTP-like code and Telegram's own name of the error."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{code} {name}")
        self.code = code
        self.name = name


def bad_request(name: str) -> TelegramRefusalError:
    """Make a 400, the code of most refusals (core.telegram.org/api/errors)."""
    return TelegramRefusalError(400, name)


def forbidden(name: str) -> TelegramRefusalError:
    """Make a 403: a right or a privacy rule is missing (core.telegram.org/api/errors)."""
    return TelegramRefusalError(403, name)
