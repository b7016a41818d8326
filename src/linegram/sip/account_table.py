"""All accounts: their registrations, and whom an incoming request is for. Look-ups only, never a scan."""

from collections import Counter, defaultdict
from typing import Final

from linegram.sip.account import LINE_PARAMETER, Account, AccountConfig, Target
from linegram.sip.context import EndpointContext
from linegram.sip.events import TargetNeeded
from linegram.sip.flow import Flow, is_address
from linegram.sip.keep_alive import KeepAlives
from linegram.sip.message import Request
from linegram.sip.pacer import Pacer
from linegram.sip.registration import Registration
from linegram.sip.registration_table import Happening
from linegram.units import AccountId

_ASK_AGAIN_S: Final = 60.0


class AccountTable:
    """The accounts of one endpoint."""

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._pacer = Pacer(context.config.registers_per_s)
        self._accounts: dict[AccountId, Account] = {}
        self._registrations: dict[AccountId, Registration] = {}
        self._leaving: set[Account] = set()
        self._by_token: dict[str, Account] = {}
        self._by_user: defaultdict[str, dict[AccountId, Account]] = defaultdict(dict)
        self._trusted: Counter[str] = Counter(context.config.trusted_hosts)
        self._hosts_of: dict[AccountId, frozenset[str]] = {}
        self.keep_alives = KeepAlives(context, self._on_dead)

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

    def set_targets(self, account_id: AccountId, targets: tuple[Target, ...], now: float) -> None:
        """Take the addresses of an account's server; none means that its name does not resolve."""
        account = self._accounts.get(account_id)
        if account is None:
            return
        registration = self._registrations[account_id]
        if not targets:
            registration.lose_target(now)
            if not account.config.is_registering:
                self._ask_again(account_id, now)
            return
        account.set_targets(targets)
        self._trust(account)
        if account.config.is_registering:
            registration.take_target(now)
        else:
            self.keep_alives.follow(account, now)

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
            if source.host in self._hosts_of[candidate.account_id]:
                return candidate
        return None

    def is_trusted(self, source: Flow) -> bool:
        """Whether some account's server, or a configured host, lives at this address."""
        return self._trusted[source.host] > 0

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
        self._trust(account)
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
        self._by_token.pop(account.token, None)
        users = self._by_user[account.config.username]
        users.pop(account.account_id, None)
        if not users:
            del self._by_user[account.config.username]
        self._trusted.subtract(self._hosts_of.pop(account.account_id, frozenset()))
        self.keep_alives.leave(account.account_id)

    def _trust(self, account: Account) -> None:
        config = account.config
        named = (config.server_host, config.outbound_proxy_host)
        hosts = frozenset(
            (
                *(target.flow.host for target in account.targets),
                *config.trusted_hosts,
                *(host for host in named if is_address(host)),
            )
        )
        self._trusted.subtract(self._hosts_of.get(account.account_id, frozenset()))
        self._trusted.update(hosts)
        self._hosts_of[account.account_id] = hosts

    def _ask_again(self, account_id: AccountId, now: float) -> None:
        self._context.timers.schedule(
            now + _ASK_AGAIN_S,
            lambda _at: (
                self._context.emit(TargetNeeded(account_id)) if account_id in self._accounts else None
            ),
        )

    def _on_dead(self, accounts: list[Account], now: float) -> None:
        for account in accounts:
            registration = self._registrations.get(account.account_id)
            if registration is not None:
                registration.take(Happening.WAY_LOST, now)
