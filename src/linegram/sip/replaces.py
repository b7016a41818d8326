"""The Replaces header: a new call that takes the place of one that is up or rings (RFC 3891)."""

from dataclasses import dataclass
from typing import Self

from linegram.errors import RemoteProtocolError
from linegram.sip.call_table import CallTable
from linegram.sip.dialog import Dialog, DialogKey
from linegram.sip.established_call import CallState, EstablishedCall
from linegram.sip.events import CallHandle
from linegram.sip.grammar import find_parameter, format_parameters, is_token, parse_parameters
from linegram.sip.message import Request
from linegram.units import AccountId


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog of the receiver is meant: `to_tag` is its own tag there, `from_tag` its peer's."""

    sip_call_id: str
    to_tag: str
    from_tag: str
    is_early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the header's value. Raises RemoteProtocolError."""
        sip_call_id, separator, _ = text.partition(";")
        if not separator or not sip_call_id.strip():
            raise RemoteProtocolError("malformed Replaces")
        parameters = parse_parameters(text, len(sip_call_id))
        tags = [find_parameter(parameters, name) for name in ("to-tag", "from-tag")]
        to_tag, from_tag = ((found[1] or "") if found else "" for found in tags)
        if not (is_token(to_tag) and is_token(from_tag)):
            raise RemoteProtocolError("Replaces without both tags")
        is_early_only = find_parameter(parameters, "early-only") is not None
        return cls(sip_call_id.strip(), to_tag, from_tag, is_early_only)

    @classmethod
    def of_far_end(cls, dialog: Dialog) -> Self:
        """Name a dialog of ours as its far end knows it."""
        return cls(dialog.sip_call_id, dialog.remote.tag or "", dialog.local.tag or "")

    @property
    def key(self) -> DialogKey:
        """Where the dialog is filed at the receiver."""
        return DialogKey(self.sip_call_id, self.to_tag, self.from_tag)

    def __str__(self) -> str:
        """Write the value as it stands after `Replaces:`."""
        parameters: list[tuple[str, str | None]] = [("to-tag", self.to_tag), ("from-tag", self.from_tag)]
        if self.is_early_only:
            parameters.append(("early-only", None))
        return self.sip_call_id + format_parameters(tuple(parameters))


def find_replaced(invite: Request, calls: CallTable, account_id: AccountId) -> CallHandle | None:
    """The call of the same account whose place an INVITE takes; None for an ordinary INVITE (section 3).

    Raises RemoteProtocolError with the status to refuse with: 481 for no such call, 603 for one that is
    over, 486 for one that is up when only a ringing one was meant.
    """
    values = invite.headers.get_all("Replaces")
    if not values:
        return None
    if len(values) > 1:
        raise RemoteProtocolError("replaces: at most one expected")
    replaces = Replaces.parse(values[0])
    call = calls.dialogs.get(replaces.key)
    if not isinstance(call, EstablishedCall) or call.dialog.account_id != account_id:
        raise RemoteProtocolError("Replaces names no call", status_hint=481)
    if call.state is not CallState.TALKING:
        raise RemoteProtocolError("Replaces names a call that is over", status_hint=603)
    if replaces.is_early_only:
        raise RemoteProtocolError("Replaces wants a ringing call", status_hint=486)
    return call.handle
