"""An UPDATE of ours without media: a sign of life inside a dialog (RFC 3311, RFC 4028 section 7.4)."""

from collections.abc import Callable

from linegram.sip.account import Account
from linegram.sip.acknowledgement import send_in_dialog
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.message import Response
from linegram.sip.session_refresh import SessionRefresh
from linegram.sip.transaction import RequestFailure

_DIALOG_LOST = frozenset({408, 481})


def send_refresh(
    context: EndpointContext,
    account: Account,
    dialog: Dialog,
    session: SessionRefresh,
    *,
    now: float,
    on_lost: Callable[[int, str, float], None],
) -> None:
    """Send the UPDATE; `on_lost` is called with status, reason and time when the far end has no such call."""

    def answered(response: Response, at: float) -> None:
        if 200 <= response.status < 300:
            dialog.refresh_target(response)
            session.learn(response, at)
        elif response.status in _DIALOG_LOST:
            on_lost(response.status, response.reason, at)
        elif response.status >= 300:
            session.learn_refusal(response, at)

    def failed(reason: RequestFailure, at: float) -> None:
        on_lost(0, reason.value, at)

    request = dialog.make_request("UPDATE")
    session.ask(request)
    send_in_dialog(context, account, dialog, request).start(now, answered, failed)
