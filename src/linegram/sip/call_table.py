"""Finds the call of a handle and the call of a dialog, and ends each handle exactly once."""

from typing import Protocol

from linegram.errors import LocalProtocolError
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import DialogKey
from linegram.sip.events import CallEnded, CallHandle
from linegram.sip.message import Request
from linegram.sip.transaction import ServerTransaction


class CallPart(Protocol):
    """A call in one of its stages: inviting, being invited, established."""

    def hang_up(self, now: float, reason_header: str) -> None:
        """End the call in the way that fits its stage."""


class DialogUser(Protocol):
    """Who owns a dialog."""

    def receive(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request inside the dialog."""

    def on_ack(self, ack: Request, now: float) -> None:
        """Take an ACK for a 2xx."""


class CallTable:
    """All calls of one endpoint."""

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._parts: dict[CallHandle, CallPart] = {}
        self._last = 0
        self.dialogs: dict[DialogKey, DialogUser] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def new_handle(self) -> CallHandle:
        """A handle never used before; `put` files the call under it."""
        self._last += 1
        return CallHandle(self._last)

    def put(self, handle: CallHandle, part: CallPart) -> None:
        """File a call's present stage."""
        self._parts[handle] = part

    def find(self, handle: CallHandle) -> CallPart | None:
        """The call's present stage; None when it has ended, which a command may always cross.

        Raises LocalProtocolError for a handle that never was.
        """
        if not 0 < handle <= self._last:
            raise LocalProtocolError(f"no call ever had handle {handle}")
        return self._parts.get(handle)

    def handles(self) -> list[CallHandle]:
        """The calls that have not ended."""
        return list(self._parts)

    def end(self, event: CallEnded) -> None:
        """Forget the handle and tell the application, the first time only."""
        if self._parts.pop(event.handle, None) is not None:
            self._context.emit(event)
