"""One TCP connection of a client: packets in, answers and pushes out."""

import asyncio
import struct
from collections.abc import Awaitable
from random import Random
from typing import Any, Protocol

import structlog
from telethon.tl import functions, types
from telethon.tl.core import GzipPacked, MessageContainer

from linegram.errors import RemoteProtocolError
from linegram.sandbox.mtproto.asker import Asker, Host
from linegram.sandbox.mtproto.envelope import (
    Envelope,
    EnvelopeWriter,
    open_envelope,
    read_object,
    result_body,
)
from linegram.sandbox.mtproto.faults import Fault, Faults
from linegram.sandbox.mtproto.handshake import Handshake
from linegram.sandbox.mtproto.keys import Device, ServerKey
from linegram.sandbox.mtproto.methods import METHODS, method_name
from linegram.sandbox.mtproto.transport import Framing, detect_framing
from linegram.sandbox.world import TelegramRefusalError

_log = structlog.get_logger()

_UNKNOWN_KEY = struct.pack("<i", -404)
_WRAPPERS = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithoutUpdatesRequest,
)
_SILENT = (types.MsgsAck, types.MsgsStateReq, types.MsgResendReq, types.MsgsStateInfo)


class ConnectionHost(Host, Protocol):
    """The server, as far as a connection needs it."""

    server_key: ServerKey
    faults: Faults
    random: Random
    failures: list[Exception]

    def wall_clock(self) -> float:
        """Unix time that message ids are made of."""

    def opened(self, connection: "Connection", device: Device) -> None:
        """A device has begun an MTProto session on this connection."""


class Connection:
    """Serves one client until either side closes."""

    def __init__(
        self, host: ConnectionHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._framing: Framing | None = None
        self._handshake: Handshake | None = None
        self._envelopes: EnvelopeWriter | None = None
        self._session_id: int | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self.device: Device | None = None
        self.wants_updates = True

    async def serve(self) -> None:
        """Answer until the client leaves or breaks the protocol."""
        try:
            self._framing = await detect_framing(self._reader)
            while True:
                self._take(await self._framing.read(self._reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except RemoteProtocolError as error:
            _log.warning("sandbox_client_broke_protocol", error=str(error))
        finally:
            for request in self._requests:
                request.cancel()
            self.close()

    def close(self) -> None:
        """Drop the connection now; what was not sent yet is lost."""
        self._writer.transport.abort()

    def _send_packet(self, packet: bytes) -> None:
        if self._framing is not None and not self._writer.is_closing():
            self._writer.write(self._framing.frame(packet))

    # ---- packets

    def _take(self, packet: bytes) -> None:
        if len(packet) < 24:
            raise RemoteProtocolError("packet too short")
        (key_id,) = struct.unpack("<Q", packet[:8])
        if key_id == 0:
            self._take_plain(packet)
            return
        device = self._host.key_ring.get(key_id)
        if device is None:
            self._send_packet(_UNKNOWN_KEY)
            return
        envelope = open_envelope(device.auth_key, packet)
        self._open_session(device, envelope)
        self._take_content(envelope.msg_id, envelope.content)

    def _take_plain(self, packet: bytes) -> None:
        """Go one step in the key exchange (core.telegram.org/mtproto/auth_key)."""
        request = read_object(packet[20:])
        if isinstance(request, functions.ReqPqMultiRequest) or self._handshake is None:
            self._handshake = Handshake(
                self._host.server_key,
                random=self._host.random,
                now_s=self._host.wall_clock,
                on_key=self._host.key_ring.add,
            )
        body = bytes(self._handshake.answer(request))
        msg_id = (int(self._host.wall_clock()) << 32) | 1
        self._send_packet(struct.pack("<qqi", 0, msg_id, len(body)) + body)

    def _open_session(self, device: Device, envelope: Envelope) -> None:
        if self._session_id == envelope.session_id and self.device is device:
            return
        self.device, self._session_id = device, envelope.session_id
        random, clock = self._host.random, self._host.wall_clock
        self._envelopes = EnvelopeWriter(device.auth_key, envelope.session_id, random=random, now_s=clock)
        salt = self._envelopes.salt
        created = types.NewSessionCreated(envelope.msg_id, random.getrandbits(62), salt)
        self._send(bytes(created), is_answer=False)
        self._host.opened(self, device)

    def _take_content(self, msg_id: int, content: Any) -> None:
        if isinstance(content, MessageContainer):
            for message in content.messages:
                self._take_content(message.msg_id, message.obj)
        elif isinstance(content, GzipPacked):
            self._take_content(msg_id, read_object(content.data))
        elif isinstance(content, _WRAPPERS):
            if isinstance(content, functions.InvokeWithoutUpdatesRequest):
                self.wants_updates = False
            self._take_content(msg_id, content.query)
        elif isinstance(content, functions.PingRequest | functions.PingDelayDisconnectRequest):
            self._send(bytes(types.Pong(msg_id, content.ping_id)), is_answer=True)
        elif not isinstance(content, _SILENT):
            self._start_request(msg_id, content)

    # ---- requests

    def _start_request(self, msg_id: int, request: Any) -> None:
        task = asyncio.get_running_loop().create_task(
            self._answer(msg_id, request), name=f"sandbox {type(request).__name__}"
        )
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _answer(self, msg_id: int, request: Any) -> None:
        if self.device is None:
            return
        user_id = self.device.user_id
        fault = self._host.faults.take(method_name(type(request)), user_id, request)
        result = await self._outcome(request, self.device, fault)
        if fault is not None:
            if fault.is_connection_dropped:
                self.close()
            if fault.is_connection_dropped or fault.is_answer_lost:
                return
            await asyncio.sleep(fault.delay_s)
        self._send(result_body(msg_id, result), is_answer=True)

    async def _outcome(self, request: Any, device: Device, fault: Fault | None) -> Any:
        """Return what the method answers, or the error that Telegram would give."""
        try:
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            handler = METHODS.get(type(request))
            if handler is None:
                raise TelegramRefusalError(400, "METHOD_INVALID")
            result = handler(Asker(self._host, device), request)
            return await result if isinstance(result, Awaitable) else result
        except TelegramRefusalError as refusal:
            return types.RpcError(refusal.code, refusal.name)
        except Exception as error:
            _log.exception("sandbox_method_failed", method=method_name(type(request)))
            self._host.failures.append(error)
            return types.RpcError(400, "SANDBOX_METHOD_FAILED")

    # ---- sending

    def _send(self, body: bytes, *, is_answer: bool) -> None:
        if self._envelopes is not None:
            self._send_packet(self._envelopes.seal(body, is_answer=is_answer))

    def push(self, updates: Any, *, delay_s: float = 0.0) -> None:
        """Send updates that nobody asked for; those that come during a delay overtake them."""
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self.push, updates)
        elif self.wants_updates:
            self._send(bytes(updates), is_answer=False)
