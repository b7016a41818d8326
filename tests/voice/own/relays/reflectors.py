"""Reflectors of the sandbox beside a test that does not await: in a thread with a loop of their own."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from linegram.link.voice import VoiceServer
from linegram.sandbox.reflector import Reflector
from linegram.sandbox.reflector_parties import Tags

Result = TypeVar("Result")


class ReflectorThread:
    """`with ReflectorThread() as thread: reflector = thread.start("127.0.0.1")`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: list[Reflector] = []

    def __enter__(self) -> "ReflectorThread":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for reflector in list(self._open):
            self.kill(reflector)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def start(self, address: str, tags: Tags = Tags.SAME) -> Reflector:
        async def open_one() -> Reflector:
            return await Reflector(address, tags=tags).__aenter__()

        reflector = self._run(open_one())
        self._open.append(reflector)
        return reflector

    def kill(self, reflector: Reflector) -> None:
        """Close its sockets; nobody is told."""
        self._open.remove(reflector)
        self._run(reflector.__aexit__(None, None, None))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def told_of(
    reflector: Reflector, tag: bytes, *, is_tcp: bool = False, server_id: int = 77
) -> tuple[VoiceServer, VoiceServer]:
    """What the caller and the callee of one call are told of a reflector."""
    relay = reflector.relay(is_tcp=is_tcp)

    def server(role: int) -> VoiceServer:
        own_tag = bytes((role,)) + tag[1:] if relay.has_role_tags else tag
        return VoiceServer(
            server_id, relay.host, relay.ipv6, relay.port, own_tag, is_reflector=True, is_tcp=is_tcp
        )

    return server(0), server(1)


def new_tag() -> bytes:
    return os.urandom(16)
