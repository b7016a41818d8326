"""One request of ours and its final answer, with credentials given when they are asked for.

Used for every request of ours except ACK and CANCEL, inside and outside dialogs (RFC 3261 22.2).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from linegram.errors import RemoteProtocolError
from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.digest import Challenge
from linegram.sip.flow import Flow
from linegram.sip.headers import CSeq
from linegram.sip.message import Request, Response
from linegram.sip.transaction import ClientTransaction, RequestFailure

OnResponse = Callable[[Response, float], None]
BeforeRepeat = Callable[[Response, Request], None]
OnFailed = Callable[[RequestFailure, float], None]

_MAX_ATTEMPTS = 5


class Exchange:
    """Sends a request, answers 401 and 407, hands everything else up.

    `request` comes without Via and credentials. `next_cseq` gives the number of each repetition.
    Set `may_retry` to False to have a challenge handed up like any failure; `before_repeat` may
    change the repetition in the light of the challenge.
    """

    __slots__ = (
        "_account",
        "_answered",
        "_attempts",
        "_context",
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
        self.request.headers.prepend("Via", str(self._context.new_via(self._account, self.flow)))
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
        change(again)
        self.request = again
        self._send(now)

    def on_request_failed(self, reason: RequestFailure, now: float) -> None:
        """Hand a timeout or broken transport up."""
        if self._on_failed is not None:
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
        """The same request with a new branch and number."""
        request = Request(
            self.request.method, self.request.uri, self.request.headers.copy(), self.request.body
        )
        request.headers.set("Via", str(self._context.new_via(self._account, self.flow)))
        request.headers.set("CSeq", str(CSeq(self._next_cseq(), request.method)))
        return request

    def _send(self, now: float) -> None:
        self._attempts += 1
        self._account.digest.authorize(self.request, self._context.new_token())
        self.transaction = self._context.transactions.send_request(self.request, self.flow, self, now)


def _challenges(response: Response) -> Iterator[Challenge]:
    name = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
    for value in response.headers.get_all(name):
        with suppress(RemoteProtocolError):
            yield Challenge.parse(value, response.status == 407)
