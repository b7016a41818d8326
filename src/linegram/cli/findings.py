"""What `linegram check` finds out: one line for each thing."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from linegram.errors import RefusedError, UnavailableError

CHECK_WITHIN_S: Final = 10


class Mark(Enum):
    """How it stands with a thing."""

    OK = "ok"
    FAILED = "FAIL"
    NOT_CHECKED = "--"


class NotCheckedError(Exception):
    """Looking would disturb something, or there is nothing to look at; the text says which."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it stands, and what is there or what to do."""

    name: str
    mark: Mark
    text: str


async def find_out(name: str, check: Awaitable[str], *, within_s: float | None = CHECK_WITHIN_S) -> Finding:
    """Return what a check says. A check returns what is fine and raises a sentence for what is not.

    `within_s` None leaves the time to the check itself.
    """
    try:
        async with asyncio.timeout(within_s):
            return Finding(name, Mark.OK, await check)
    except NotCheckedError as reason:
        return Finding(name, Mark.NOT_CHECKED, str(reason))
    except (RefusedError, UnavailableError) as failure:
        return Finding(name, Mark.FAILED, str(failure))
    except TimeoutError:
        return Finding(name, Mark.FAILED, f"No answer within {within_s} seconds.")
