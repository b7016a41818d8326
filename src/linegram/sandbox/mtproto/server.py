"""The sandbox Telegram as a whole: listener, devices, and the way of every update to its devices."""

import asyncio
import time
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Self

from telethon.tl import types

from linegram.errors import UnavailableError
from linegram.sandbox.mtproto.asker import ServerSettings
from linegram.sandbox.mtproto.connection import Connection
from linegram.sandbox.mtproto.faults import Faults
from linegram.sandbox.mtproto.keys import Device, KeyRing, ServerKey
from linegram.sandbox.mtproto.passwords import Passwords
from linegram.sandbox.mtproto.view import View, moment
from linegram.sandbox.world import World
from linegram.sandbox.world.calls import CallState
from linegram.sandbox.world.events import DeviceKey, FeedItem, PhoneCallChanged


class SandboxTelegram:
    """A small Telegram on loopback: `async with SandboxTelegram() as telegram: ...`.

    Clients need `address` and `public_key_pem`. The world may be shared with a Bot API server. Each
    sandbox makes a key of its own; a suite may pass one `server_key` to save half a second per test.
    Leaving the context raises what went wrong inside the sandbox itself, so that no test passes over it.
    """

    def __init__(
        self,
        *,
        world: World | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        server_key: ServerKey | None = None,
    ) -> None:
        self.random = random or Random(1)
        self.world = world or World(self.random, clock)
        self.server_key = server_key or ServerKey()
        self.key_ring = KeyRing()
        self.passwords = Passwords(self.random)
        self.faults = Faults()
        self.settings = ServerSettings()
        self.failures: list[Exception] = []
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._stop_listening: dict[Device, Callable[[], None]] = {}
        self.world.sign_in.on_token_accepted = self._push_login_token

    # ---- running

    async def __aenter__(self) -> Self:
        """Start on the host and port given at construction."""
        await self.start(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and raise the first failure of the sandbox itself if the test did not fail anyway."""
        await self.stop()
        if error is None and self.failures:
            raise self.failures[0]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any free one."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self._host, self._port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Stop listening and drop all connections; world and keys stay."""
        if self._server is not None:
            self._server.close()
        await self.drop_connections()
        self._server = None

    async def restart(self) -> None:
        """Go down and come back on the same address, with the same world and keys."""
        await self.stop()
        await self.start(self._host, self._port)

    async def drop_connections(self, user_id: int | None = None) -> None:
        """Close the connections of one user, or all."""
        chosen = [
            (connection, task)
            for connection, task in self._connections.items()
            if user_id is None or (connection.device is not None and connection.device.user_id == user_id)
        ]
        for connection, _task in chosen:
            connection.close()
        await asyncio.gather(*(task for _connection, task in chosen), return_exceptions=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        if self._port == 0:
            raise UnavailableError("the sandbox Telegram was not started")
        return self._host, self._port

    @property
    def public_key_pem(self) -> str:
        """The server's RSA key in PKCS#1 PEM, as clients take it."""
        return self.server_key.public_pem

    def wall_clock(self) -> float:
        """Unix time that message ids are made of: clients compare them with their own clock."""
        return time.time()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        if task is not None:
            self._connections[connection] = task
        try:
            await connection.serve()
        finally:
            self._connections.pop(connection, None)

    # ---- devices

    def sign_in(self, device: Device, user_id: int) -> None:
        """Let a device be this user from now on."""
        self.sign_out(device, is_key_kept=True)
        device.user_id, device.password_for = user_id, None
        feed = self.world.feed_of(user_id)
        self._stop_listening[device] = feed.listen(lambda item: self._tell(device, item))

    def sign_out(self, device: Device, *, is_key_kept: bool = False) -> None:
        """Make a device nobody."""
        stop = self._stop_listening.pop(device, None)
        if stop is not None:
            stop()
        device.user_id = device.password_for = None
        if not is_key_kept:
            self.key_ring.forget(device)

    def terminate(self, user_id: int) -> None:
        """End all sign-ins of a user: his devices get AUTH_KEY_UNREGISTERED from now on."""
        for device in self.key_ring.of_user(user_id):
            self.sign_out(device, is_key_kept=True)

    def opened(self, connection: Connection, device: Device) -> None:
        """Tell a device that came (back) of the calls that ring it."""
        if device.user_id is None:
            return
        for call in self.world.calls.ringing_for(device.user_id):
            if not device.is_call_silent:
                view = View(self.world, device.user_id)
                update = types.UpdatePhoneCall(view.call(PhoneCallChanged(call)))
                connection.push(view.updates([update]))

    # ---- updates

    def _tell(self, device: Device, item: FeedItem) -> None:
        """Carry a feed item to a device that is connected, unless it caused the event itself."""
        connections = [connection for connection in self._connections if connection.device is device]
        if device.user_id is None or not connections:
            return
        if not item.is_for(device.key) or _is_unwanted_ring(device, item):
            return
        view = View(self.world, device.user_id)
        update = view.update(item)
        if update is None:
            return
        fault = self.faults.take(f"push.{type(update).__name__}", device.user_id, update)
        if fault is not None and fault.is_answer_lost:
            return
        delay_s = fault.delay_s if fault is not None else 0.0
        for connection in connections:
            connection.push(view.updates([update]), delay_s=delay_s)

    def _push_login_token(self, device_key: DeviceKey) -> None:
        update = types.UpdateShort(types.UpdateLoginToken(), moment(self.world.clock()))
        for connection in self._connections:
            if connection.device is not None and connection.device.key == device_key:
                connection.push(update)


def _is_unwanted_ring(device: Device, item: FeedItem) -> bool:
    """Return whether this is a ring for a device that has calls switched off."""
    event = item.event
    return (
        device.is_call_silent
        and isinstance(event, PhoneCallChanged)
        and event.call.callee_id == device.user_id
        and event.call.state is CallState.WAITING
    )
