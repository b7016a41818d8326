"""One request of ours and its final answer, with credentials given when they are asked for.

Used for every request of ours except ACK and CANCEL, inside and outside dialogs (RFC 3261 22.2).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from linegram.errors import RemoteProtocolError
from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.digest import Challenge
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import CSeq
from linegram.sip.message import Request, Response
from linegram.sip.transaction import ClientTransaction, RequestFailure

OnResponse = Callable[[Response, float], None]
BeforeRepeat = Callable[[Response, Request], None]
OnFailed = Callable[[RequestFailure, float], None]

_MAX_ATTEMPTS = 5
_MAX_DATAGRAM_BYTES = 1300


class Exchange:
    """Sends a request, answers 401 and 407, hands everything else up.

    `request` comes without Via and credentials. `next_cseq` gives the number of each repetition.
    Set `may_retry` to False to have a challenge handed up like any failure; `before_repeat` may
    change the repetition in the light of the challenge. `flow` is the way taken: a request that is too
    large for a datagram goes over TCP if the account allows it, and over UDP all the same if TCP fails
    (RFC 3261 18.1.1).
    """

    __slots__ = (
        "_account",
        "_answered",
        "_attempts",
        "_context",
        "_is_switched",
        "_next_cseq",
        "_on_failed",
        "_on_response",
        "before_repeat",
        "flow",
        "may_retry",
        "request",
        "transaction",
    )

    def __init__(
        self,
        context: EndpointContext,
        account: Account,
        request: Request,
        *,
        flow: Flow,
        next_cseq: Callable[[], int],
    ) -> None:
        self._context = context
        self._account = account
        self._next_cseq = next_cseq
        self._attempts = 0
        self._answered: set[tuple[int, str]] = set()
        self._is_switched = False
        self._on_response: OnResponse | None = None
        self._on_failed: OnFailed | None = None
        self.request = request
        self.flow = flow
        self.may_retry = True
        self.before_repeat: BeforeRepeat | None = None
        self.transaction: ClientTransaction | None = None

    def start(
        self, now: float, on_response: OnResponse | None = None, on_failed: OnFailed | None = None
    ) -> None:
        """Send the first attempt. `on_failed` is called when no final response comes."""
        self._on_response = on_response
        self._on_failed = on_failed
        self._send(now)

    def turn_to(self, flow: Flow, now: float, change: Callable[[Request], None]) -> None:
        """Send the same request to another place, changed, as a new transaction (RFC 3263 4.3)."""
        self.flow = flow
        self._is_switched = False
        self._attempts = 0
        self._answered.clear()
        self.request = self._copy()
        change(self.request)
        self._send(now)

    def on_response(self, response: Response, now: float) -> None:
        """Try again with credentials, or hand the response up."""
        if response.status in {401, 407} and self._has_new_credentials(response):
            self.repeat(now, lambda again: self._before_repeat(response, again))
        elif self._on_response is not None:
            self._on_response(response, now)

    def repeat(self, now: float, change: Callable[[Request], None]) -> None:
        """Send the request again, changed, as a new transaction."""
        again = self._copy()
        again.headers.set("CSeq", str(CSeq(self._next_cseq(), again.method)))
        change(again)
        self.request = again
        self._send(now)

    def on_request_failed(self, reason: RequestFailure, now: float) -> None:
        """Hand a timeout or broken transport up, or go back to UDP."""
        if self._is_switched and reason is RequestFailure.TRANSPORT:
            self.flow = self.flow._replace(transport=TransportName.UDP)
            self.request = self._copy()
            self._send(now)
        elif self._on_failed is not None:
            self._on_failed(reason, now)

    def _has_new_credentials(self, response: Response) -> bool:
        """Whether answering this challenge can help: once for each realm, again only for a stale nonce.

        Strict on purpose: every refused answer counts against us where a PBX bans guessers.
        """
        fresh = {
            (response.status, challenge.realm)
            for challenge in _challenges(response)
            if challenge.is_stale or (response.status, challenge.realm) not in self._answered
        }
        self._answered |= fresh
        is_known = self._account.digest.learn(response)
        return self.may_retry and is_known and bool(fresh) and self._attempts < _MAX_ATTEMPTS

    def _before_repeat(self, challenge: Response, again: Request) -> None:
        if self.before_repeat is not None:
            self.before_repeat(challenge, again)

    def _copy(self) -> Request:
        """The same request once more: the one that was sent belongs to its transaction."""
        return Request(self.request.method, self.request.uri, self.request.headers.copy(), self.request.body)

    def _send(self, now: float) -> None:
        self._attempts += 1
        self._account.digest.authorize(self.request, self._context.new_token())
        self._mark_way()
        if not self._is_switched and self._is_too_large():
            self._is_switched = True
            self.flow = self.flow._replace(transport=TransportName.TCP)
            self._mark_way()
        self.transaction = self._context.transactions.send_request(self.request, self.flow, self, now)

    def _mark_way(self) -> None:
        """Write our Via, with a fresh branch."""
        self.request.headers.remove("Via")
        self.request.headers.prepend("Via", str(self._context.new_via(self._account, self.flow)))

    def _is_too_large(self) -> bool:
        is_possible = self._account.config.has_tcp_for_large and self.flow.transport is TransportName.UDP
        return is_possible and len(bytes(self.request)) > _MAX_DATAGRAM_BYTES


def _challenges(response: Response) -> Iterator[Challenge]:
    name = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
    for value in response.headers.get_all(name):
        with suppress(RemoteProtocolError):
            yield Challenge.parse(value, response.status == 407)
