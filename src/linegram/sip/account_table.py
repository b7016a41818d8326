"""All accounts: their registrations, and whom an incoming request is for. Look-ups only, never a scan."""

from collections import defaultdict
from typing import Final, NamedTuple

from linegram.sip.account import LINE_PARAMETER, Account, AccountConfig, Target
from linegram.sip.context import EndpointContext
from linegram.sip.events import TargetNeeded
from linegram.sip.flow import Flow
from linegram.sip.keep_alive import KeepAlives
from linegram.sip.message import Request
from linegram.sip.pacer import Pacer
from linegram.sip.registration import Registration
from linegram.sip.registration_table import Happening
from linegram.sip.trust import TrustBook
from linegram.units import AccountId

_ASK_AGAIN_S: Final = 60.0
_ASK_AGAIN_AT_MOST_S: Final = 3600.0
_MAX_RETIRED_TOKENS: Final = 10_000


class Found(NamedTuple):
    """For how long a search for a server holds, and why it found nothing."""

    valid_s: float = float("inf")
    problem: str = ""


class AccountTable:
    """The accounts of one endpoint."""

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._pacer = Pacer(context.config.registers_per_s)
        self._accounts: dict[AccountId, Account] = {}
        self._registrations: dict[AccountId, Registration] = {}
        self._leaving: set[Account] = set()
        self._by_token: dict[str, Account] = {}
        self._retired_tokens: dict[str, None] = {}
        self._by_user: defaultdict[str, dict[AccountId, Account]] = defaultdict(dict)
        self._trust = TrustBook(context.config.trusted_hosts)
        self.keep_alives = KeepAlives(context, self._on_dead)
        context.leave_place = self._leave

    def __len__(self) -> int:
        return len(self._accounts)

    def ids(self) -> list[AccountId]:
        """All accounts that have not been dropped."""
        return list(self._accounts)

    @property
    def has_leavers(self) -> bool:
        """Whether a removal at a registrar is still under way."""
        return bool(self._leaving)

    def get(self, account_id: AccountId) -> Account | None:
        """An account that has not been dropped."""
        return self._accounts.get(account_id)

    def put(self, config: AccountConfig, now: float) -> None:
        """Add an account, or change one: it registers anew with the new settings."""
        old = self._accounts.get(config.account_id)
        if old is not None:
            if old.config == config:
                return
            self._replace(old, config, now)
        self._add(Account(config, config.token or (old.token if old else self._context.new_token())), now)

    def drop(self, account_id: AccountId, now: float) -> None:
        """Remove an account's binding, then forget it."""
        account = self._accounts.pop(account_id, None)
        if account is None:
            return
        self._forget(account)
        self._leaving.add(account)
        registration = self._registrations.pop(account_id)
        registration.take(Happening.LEAVE, now)
        registration.lose_target(now)

    def renew(self, account_id: AccountId, now: float) -> None:
        """Register now, whatever the timers say."""
        registration = self._registrations.get(account_id)
        if registration is not None and self._accounts[account_id].config.is_registering:
            registration.take(Happening.RENEW, now)

    def set_targets(
        self, account_id: AccountId, targets: tuple[Target, ...], now: float, found: Found
    ) -> None:
        """Take the places of an account's server, or why there are none."""
        account = self._accounts.get(account_id)
        if account is None:
            return
        registration = self._registrations[account_id]
        is_registering = account.config.is_registering
        if not targets:
            account.places.ask_later(now + _ASK_AGAIN_S)
            registration.lose_target(now, found.problem)
        else:
            is_moved = account.places.replace(targets, now, valid_s=found.valid_s)
            self._set_trust(account)
            registration.take_target(now)
            if is_moved and is_registering:
                registration.take(Happening.WAY_LOST, now)
        if not is_registering:
            self.keep_alives.follow(account, now)
            if not targets or found.valid_s <= _ASK_AGAIN_AT_MOST_S:
                self._ask_again(account_id, now + max(found.valid_s if targets else 0.0, _ASK_AGAIN_S))

    def _leave(self, account: Account, flow: Flow, now: float) -> None:
        """Have an account register elsewhere: a call found that one place of its server is dead."""
        if account.target is None or account.target.flow != flow:
            return
        account.places.rest(flow, now + self._context.config.rest_s)
        account.places.pick(now)
        registration = self._registrations.get(account.account_id)
        if account.target.flow != flow and registration is not None:
            registration.take(Happening.WAY_LOST, now)

    def lose_flow(self, flow: Flow, now: float) -> None:
        """Register anew those who relied on a connection that broke."""
        self._on_dead(self.keep_alives.accounts_on(flow), now)

    def recipient(self, request: Request, source: Flow) -> Account | None:
        """Whom a request outside dialogs is for.

        By the token of our Contact; else, from an address that the account trusts, by the user part.
        """
        account = self._by_token.get(request.uri.parameter(LINE_PARAMETER) or "")
        if account is not None:
            return account
        for candidate in self._by_user.get(request.uri.user or "", {}).values():
            if self._trust.trusts(candidate.account_id, source.host):
                return candidate
        return None

    def is_trusted(self, host: str) -> bool:
        """Whether some account's server, or a configured host, lives at this address."""
        return self._trust.is_trusted(host)

    def has_token(self, token: str) -> bool:
        """Whether a Contact of ours carries this token, or did: calls outlive their account."""
        return token in self._by_token or token in self._retired_tokens

    def on_bound(self, account: Account, now: float) -> None:
        """Keep the way open on which we are registered."""
        if self._accounts.get(account.account_id) is account:
            self.keep_alives.follow(account, now)

    def on_gone(self, account: Account) -> None:
        """Forget an account that has left its registrar."""
        self._leaving.discard(account)

    def _add(self, account: Account, now: float) -> None:
        account_id = account.account_id
        self._accounts[account_id] = account
        self._by_token[account.token] = account
        self._by_user[account.config.username][account_id] = account
        registration = Registration(self._context, account, self._pacer, self)
        self._registrations[account_id] = registration
        self._set_trust(account)
        if account.config.is_registering:
            registration.take(Happening.RENEW, now)
        else:
            self._context.emit(TargetNeeded(account_id))

    def _replace(self, old: Account, config: AccountConfig, now: float) -> None:
        """Leave the old registrar only if the binding will not be overwritten by the new registration."""
        is_same_binding = config.is_registering and (
            config.username,
            config.domain,
            config.contact_point,
            config.transport,
        ) == (old.config.username, old.config.domain, old.config.contact_point, old.config.transport)
        if not is_same_binding:
            self._registrations[old.account_id].mute()
            self.drop(old.account_id, now)
            return
        self._forget(old)
        self._registrations.pop(old.account_id).abandon()

    def _forget(self, account: Account) -> None:
        if self._by_token.pop(account.token, None) is not None:
            self._retire(account.token)
        users = self._by_user[account.config.username]
        users.pop(account.account_id, None)
        if not users:
            del self._by_user[account.config.username]
        self._trust.forget(account.account_id)
        self.keep_alives.leave(account.account_id)

    def _retire(self, token: str) -> None:
        self._retired_tokens[token] = None
        if len(self._retired_tokens) > _MAX_RETIRED_TOKENS:
            del self._retired_tokens[next(iter(self._retired_tokens))]

    def _set_trust(self, account: Account) -> None:
        config = account.config
        resolved = (target.flow.host for target in account.places.all)
        named = (config.server_host, config.outbound_proxy_host)
        self._trust.set(account.account_id, (*resolved, *config.trusted_hosts, *named))

    def _ask_again(self, account_id: AccountId, at: float) -> None:
        """Look an account's server up again that no registration asks for."""
        account = self._accounts[account_id]
        self._context.timers.schedule(
            at,
            lambda _now: (
                self._context.emit(TargetNeeded(account_id))
                if self._accounts.get(account_id) is account
                else None
            ),
        )

    def _on_dead(self, accounts: list[Account], now: float) -> None:
        for account in accounts:
            registration = self._registrations.get(account.account_id)
            if registration is not None:
                registration.take(Happening.WAY_LOST, now)
