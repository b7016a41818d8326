"""Where a registration sends its REGISTER: to which place of the server, or where it is redirected to."""

from dataclasses import replace

from linegram.sip.account import Account, Target
from linegram.sip.context import EndpointContext
from linegram.sip.events import TargetNeeded
from linegram.sip.message import Response
from linegram.sip.registrar_answer import redirections
from linegram.sip.uri import SipUri

_MAX_REDIRECTIONS = 5


class RegistrationWay:
    """The way of one registration."""

    __slots__ = ("_account", "_context", "_redirected_to", "_redirections")

    def __init__(self, context: EndpointContext, account: Account) -> None:
        self._context = context
        self._account = account
        self._redirected_to: SipUri | None = None
        self._redirections = 0

    @property
    def registrar(self) -> SipUri:
        """The Request-URI: the domain, or where the registrar sends us instead."""
        registrar = self._redirected_to or SipUri("sip", None, self._account.domain)
        return replace(registrar, user=None, headers=())

    def choose(self, now: float) -> Target | None:
        """Pick the best place, None if none is known yet; names that are stale are looked up meanwhile."""
        places = self._account.places
        if places.current is None or places.is_stale(now):
            places.ask_later(now + self._context.config.retry_limit_s)
            self._context.emit(TargetNeeded(self._account.account_id, self._redirected_to))
        places.pick(now)
        return places.current

    def has_alternative(self, now: float) -> bool:
        """Whether another place could be tried at once."""
        current = self._account.target
        if current is None:
            return False
        return self._account.places.alternative(frozenset({current.flow}), now) is not None

    def arrive(self) -> None:
        """Know that the registrar has taken us in."""
        self._redirections = 0

    def give_up_redirection(self) -> None:
        """Go back to the configured server."""
        self._redirected_to = None

    def follow(self, response: Response) -> bool:
        """Turn to where a 3xx sends us (RFC 3261 8.1.3.4); False if that leads nowhere, or in a circle."""
        contacts = redirections(response)
        self._redirections += 1
        if not contacts or self._redirections > _MAX_REDIRECTIONS:
            self._redirected_to = None
            return False
        self._redirected_to = contacts[0]
        self._account.places.forget()
        return True

    def turn(self, now: float, rest_s: float) -> bool:
        """Leave the place that failed; False, and look the name up again, when all have (RFC 3263 4.3)."""
        places, current = self._account.places, self._account.target
        if current is None:
            return False
        places.rest(current.flow, now + max(self._context.config.rest_s, rest_s))
        if self.has_alternative(now):
            places.pick(now)
            return True
        if self._redirected_to is None:
            places.wake_all()
            places.ask_later(now + self._context.config.retry_limit_s)
            self._context.emit(TargetNeeded(self._account.account_id))
        else:
            self._redirected_to = None
            places.forget()
        return False
