"""The methods of Telegram's API that the sandbox answers, by namespace.

Each module offers `METHODS`: from Telethon's request class to the function that answers it.
"""

from collections.abc import Mapping
from typing import Any

from linegram.sandbox.mtproto.asker import Handler
from linegram.sandbox.mtproto.methods import auth, chats, files, inline, people, phone, settings, updates

METHODS: Mapping[type[Any], Handler] = {
    **auth.METHODS,
    **settings.METHODS,
    **people.METHODS,
    **updates.METHODS,
    **chats.METHODS,
    **inline.METHODS,
    **files.METHODS,
    **phone.METHODS,
}


def method_name(kind: type[Any]) -> str:
    """Return Telegram's name of a request class: phone.requestCall for RequestCallRequest."""
    namespace = kind.__module__.removeprefix("telethon.tl.functions").lstrip(".")
    name = kind.__name__.removesuffix("Request")
    name = name[0].lower() + name[1:]
    return f"{namespace}.{name}" if namespace else name
