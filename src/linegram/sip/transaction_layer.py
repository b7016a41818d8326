"""Finds the transaction of every message, and makes new ones (RFC 3261 17.1.3, 17.2.3). Look-ups only."""

from collections import Counter
from collections.abc import Hashable

from linegram.sip.account import LINE_PARAMETER
from linegram.sip.flow import Flow
from linegram.sip.message import Request, Response
from linegram.sip.timers import TimerDurations, TimerHeap
from linegram.sip.transaction import (
    ClientTransaction,
    ClientUser,
    SendBytes,
    ServerTransaction,
    Transaction,
    TransactionGround,
    input_of,
)
from linegram.sip.transaction_tables import INVITE_SERVER, SERVER, Input, State

BRANCH_COOKIE = "z9hG4bK"
_OPEN = frozenset({State.CALLING, State.TRYING, State.PROCEEDING})


class TransactionLayer:
    """All transactions of one endpoint."""

    def __init__(self, timers: TimerHeap, durations: TimerDurations, send: SendBytes) -> None:
        self._ground = TransactionGround(timers, durations, send=send, forget=self._forget)
        self._clients: dict[Hashable, ClientTransaction] = {}
        self._branches: Counter[str | None] = Counter()
        self._servers: dict[Hashable, ServerTransaction] = {}
        self._arrivals: dict[Hashable, Hashable] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def durations(self) -> TimerDurations:
        """The base timer values in force."""
        return self._ground.durations

    @property
    def has_open_requests(self) -> bool:
        """Whether a request of ours still waits for its final response. Looks at every transaction."""
        return any(transaction.state in _OPEN for transaction in self._clients.values())

    def send_request(self, request: Request, flow: Flow, user: ClientUser, now: float) -> ClientTransaction:
        """Start a client transaction; `request` carries its Via with a fresh branch."""
        key = (request.via.branch, request.method)
        transaction = ClientTransaction(self._ground, request, user, flow=flow, key=key)
        self._clients[key] = transaction
        self._branches[request.via.branch] += 1
        transaction.start(now)
        return transaction

    def has_branch(self, branch: str) -> bool:
        """Whether a request of ours with this branch still waits for answers."""
        return branch in self._branches

    def receive_response(self, response: Response, now: float) -> bool:
        """Give a response to its transaction; False when there is none (a stray, to be dropped)."""
        transaction = self._clients.get((response.via.branch, response.cseq.method))
        if transaction is None:
            return False
        transaction.take(input_of(response.status), now, response)
        return True

    def absorb(self, request: Request, now: float) -> bool:
        """Give a repeated request or a matching ACK to its transaction; False when it is new."""
        transaction = self._servers.get(_server_key(request, request.method))
        if transaction is None:
            return False
        if request.method == "ACK":
            transaction.pending_ack = request
            transaction.take(Input.ACK, now)
            transaction.pending_ack = None
        else:
            transaction.take(Input.REQUEST, now)
        return True

    def is_merged(self, request: Request) -> bool:
        """Whether the same request already came another way and still runs (RFC 3261 8.2.2.2)."""
        return request.to.tag is None and _arrival_key(request) in self._arrivals

    def accept(self, request: Request, flow: Flow) -> ServerTransaction:
        """Start a server transaction for a new request; `flow` is where its responses go."""
        key = _server_key(request, request.method)
        machine = INVITE_SERVER if request.method == "INVITE" else SERVER
        transaction = ServerTransaction(self._ground, machine, request, flow=flow, key=key)
        self._servers[key] = transaction
        if request.to.tag is None:
            self._arrivals.setdefault(_arrival_key(request), key)
        return transaction

    def invite_of_cancel(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL means, if we know it (RFC 3261 9.2)."""
        return self._servers.get(_server_key(cancel, "INVITE"))

    def lose_flow(self, flow: Flow, now: float) -> None:
        """Fail what depends on a connection that broke."""
        broken: list[Transaction] = [t for t in self._clients.values() if t.flow == flow]
        broken += [t for t in self._servers.values() if t.flow == flow]
        for transaction in broken:
            if transaction.state is not State.TERMINATED:
                transaction.take(Input.TRANSPORT_ERROR, now)

    def _forget(self, transaction: Transaction) -> None:
        if isinstance(transaction, ClientTransaction):
            if self._clients.pop(transaction.key, None) is not None:
                self._forget_branch(transaction.request.via.branch)
            return
        self._servers.pop(transaction.key, None)
        arrival = _arrival_key(transaction.request)
        if self._arrivals.get(arrival) == transaction.key:
            del self._arrivals[arrival]

    def _forget_branch(self, branch: str | None) -> None:
        self._branches[branch] -= 1
        if self._branches[branch] <= 0:
            del self._branches[branch]


def _server_key(request: Request, method: str) -> Hashable:
    """What identifies a server transaction; ACK and CANCEL find their INVITE by it."""
    via = request.via
    wanted = "INVITE" if method == "ACK" else method
    branch = via.branch
    if branch is not None and branch.startswith(BRANCH_COOKIE):
        return (branch, via.host, via.port, wanted)
    # RFC 2543 peers: no unique branch.
    return (request.call_id, request.cseq.number, request.from_.tag, via.host, via.port, branch, wanted)


def _arrival_key(request: Request) -> Hashable:
    """What two arrivals of one request share. Forks to different accounts of ours are no merger."""
    uri = request.uri
    recipient = (uri.user, uri.parameter(LINE_PARAMETER))
    return (request.from_.tag, request.call_id, request.cseq.number, request.method, recipient)
