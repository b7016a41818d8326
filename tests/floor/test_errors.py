"""The tree of errors: whose fault, and what a handler may rely on."""

import inspect

import pytest

from linegram import errors
from linegram.errors import (
    LinegramError,
    LocalProtocolError,
    ProtocolError,
    RefusedError,
    RemoteProtocolError,
    UnavailableError,
    UnexpectedEventError,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_ours_ends_in_error_and_is_drawn_in_the_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, LinegramError)
    assert kind.__name__.endswith("Error")
    assert kind.__name__ in str(errors.__doc__)


def test_whose_fault_it_is_can_be_told_apart() -> None:
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)


@pytest.mark.parametrize("kind", [UnexpectedEventError, UnavailableError, RefusedError])
def test_other_errors_are_no_faults_of_a_protocol(kind: type[LinegramError]) -> None:
    assert not issubclass(kind, ProtocolError)


def test_a_peers_fault_carries_the_status_that_tells_it_so() -> None:
    assert RemoteProtocolError("what?").status_hint == 400
    error = RemoteProtocolError("no codec", status_hint=488)
    assert (str(error), error.status_hint) == ("no codec", 488)


def test_an_unexpected_event_says_what_came_where() -> None:
    error = UnexpectedEventError("idle", "rang")
    assert (error.state, error.event) == ("idle", "rang")
    assert str(error) == "no row for 'rang' in 'idle'"
