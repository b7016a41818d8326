"""A small PBX on loopback, on our own SIP core: registers accounts by digest, calls them, takes their calls.

For the demo, and for tests that must run without a real PBX; what it accepts proves
nothing about Asterisk. UDP only.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import Final, Self

from linegram.errors import UnavailableError
from linegram.sandbox.pbx_audio import PhoneAudio, Silence, Sound
from linegram.sandbox.pbx_call import DEFAULT_WAIT_S, PbxCall, Stage
from linegram.sandbox.pbx_extensions import G711, Extension
from linegram.sandbox.pbx_registrar import Binding, DigestGate, Registrar
from linegram.sandbox.pbx_wire import PbxWire
from linegram.sip import events as sip
from linegram.sip.account import LINE_PARAMETER, AccountConfig
from linegram.sip.flow import Flow
from linegram.sip.message import Request, Response
from linegram.units import AccountId

_LOOPBACK: Final = "127.0.0.1"


class SandboxPbx:
    """A PBX with its telephones. Use as an async context manager; the same seed, the same random words."""

    def __init__(self, passwords: Mapping[str, str], *, host: str = _LOOPBACK, seed: int = 1) -> None:
        """`passwords` are those of the accounts that may register, by user name."""
        self._random = Random(seed)
        self._host = host
        self._gate = DigestGate(passwords, self._random)
        self._registrar = Registrar(self._gate)
        self._extensions: dict[str, Extension] = {}
        self._dialled: dict[str, AccountConfig] = {}
        self._calls: dict[AccountId, PbxCall] = {}
        self._arrived: asyncio.Queue[PbxCall] = asyncio.Queue()
        self._registered = asyncio.Event()
        self._wire: PbxWire | None = None
        self.on_stage: Callable[[PbxCall, Stage], None] = lambda _call, _stage: None

    async def __aenter__(self) -> Self:
        """Bind the SIP port."""
        self._wire = PbxWire(self._host, front=self._front, on_event=self._take, random=self._random)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Hang up every call and free the ports. Safe to repeat."""
        if self._wire is not None:
            await self._wire.close()
        self._wire = None
        for call in tuple(self._calls.values()):
            call.audio.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where SIP is spoken."""
        return self._open().address

    def add_extension(self, number: str, extension: Extension) -> None:
        """Let a number do something when it is dialled."""
        self._extensions[number] = extension

    def binding(self, user: str) -> Binding | None:
        """Return where an account is registered now."""
        return self._registrar.binding(user, asyncio.get_running_loop().time())

    async def wait_for_registration(self, user: str, *, timeout_s: float = DEFAULT_WAIT_S) -> Binding:
        """Return the binding of an account as soon as there is one."""
        async with asyncio.timeout(timeout_s):
            while (found := self.binding(user)) is None:
                self._registered.clear()
                await self._registered.wait()
            return found

    def call(
        self,
        user: str,
        *,
        number: str,
        name: str = "",
        sound: Sound | None = None,
        codecs: tuple[str, ...] = G711,
    ) -> PbxCall:
        """Call a registered account from a telephone with this number and name.

        Raises UnavailableError if it is not registered.
        """
        binding = self.binding(user)
        if binding is None:
            raise UnavailableError(f"The account {user} is not registered at the sandbox's PBX.")
        account = self._open().add_call_account(number, binding.flow, name=name)
        call = self._new_call(number, account.account_id, sound or Silence(), codecs)
        self.on_stage(call, Stage.INVITED)
        call.invite(binding.contact)
        return call

    async def wait_for_call(self, *, timeout_s: float = DEFAULT_WAIT_S) -> PbxCall:
        """Return the next call that a phone has made."""
        async with asyncio.timeout(timeout_s):
            return await self._arrived.get()

    # ---- inside

    def _open(self) -> PbxWire:
        if self._wire is None:
            raise RuntimeError("the PBX is not running")
        return self._wire

    def _front(self, request: Request, source: Flow, now: float) -> Response | None:
        """Answer what needs no call; lead an INVITE to an account of its own."""
        if request.method == "REGISTER":
            response = self._registrar.answer(request, source, now)
            self._registered.set()
            return response
        if request.method != "INVITE" or request.to.tag is not None:
            return None
        if self._gate.user_of(request) is None:
            return self._gate.challenge(request)
        number = request.uri.user or ""
        if number not in self._extensions:
            return Response.make(request, 404, to_tag="sandbox")
        if request.call_id not in self._dialled:
            self._dialled[request.call_id] = self._open().add_call_account(number, source)
        request.uri = request.uri.with_parameter(LINE_PARAMETER, self._dialled[request.call_id].token)
        return None

    def _new_call(self, number: str, account_id: AccountId, sound: Sound, codecs: tuple[str, ...]) -> PbxCall:
        audio = PhoneAudio(self._host, sound, self._random)
        call = PbxCall(
            self._open(), audio, number=number, account_id=account_id, codecs=codecs, watch=self._watch
        )
        self._calls[account_id] = call
        return call

    def _take(self, event: sip.SipEvent) -> None:
        if isinstance(event, sip.InviteReceived):
            self._receive(event)
            return
        handle = getattr(event, "handle", None)
        call = next((call for call in self._calls.values() if call.handle == handle), None)
        if call is not None:
            call.take(event)

    def _receive(self, event: sip.InviteReceived) -> None:
        number = self._dialled[event.sip_call_id].username
        extension = self._extensions[number]
        call = self._new_call(number, event.account_id, Silence(), extension.codecs)
        self.on_stage(call, Stage.INVITED)
        call.follow(event, extension)
        self._arrived.put_nowait(call)

    def _watch(self, call: PbxCall, stage: Stage) -> None:
        self.on_stage(call, stage)
        if stage is Stage.OVER:
            del self._calls[call.account_id]
            self._open().drop_account(call.account_id)
