"""The two rules that keep the native library alive, as properties of the orders."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.voice.turns import SETUP_LIMIT_S, STOP_DELAY_S, Feed, GiveUp, Join, Order, Silence, Stop, Turns


def orders_of(turns: Turns) -> list[Order]:
    found = []
    while (order := turns.next_order()) is not None:
        found.append(order)
    return found


def test_the_first_call_joins_at_once_and_the_second_when_the_first_is_connected() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    assert orders_of(turns) == [Join(1)]
    assert turns.connected(1, 1.0)
    assert orders_of(turns) == [Join(2)]


def test_signals_that_come_early_are_fed_right_after_the_join() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    turns.receive_signal(2, b"a")
    turns.receive_signal(2, b"b")
    turns.receive_signal(1, b"c")
    assert orders_of(turns) == [Join(1), Feed(1, b"c")]
    turns.connected(1, 0.1)
    assert orders_of(turns) == [Join(2), Feed(2, b"a"), Feed(2, b"b")]


def test_a_call_is_left_in_two_stages() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.connected(1, 0.1)
    orders_of(turns)
    turns.close(1, 5.0)
    assert orders_of(turns) == [Silence(1)]
    turns.handle_timer(5.0 + STOP_DELAY_S / 2)
    assert orders_of(turns) == []
    assert turns.next_timer() == 5.0 + STOP_DELAY_S
    turns.handle_timer(5.0 + STOP_DELAY_S)
    assert orders_of(turns) == [Stop(1)]
    assert turns.is_empty


def test_a_call_closed_in_its_set_up_keeps_the_turn_until_it_is_stopped() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    turns.close(1, 1.0)
    assert orders_of(turns) == [Join(1), Silence(1)]
    turns.handle_timer(1.0 + STOP_DELAY_S)
    assert orders_of(turns) == [Stop(1), Join(2)]


def test_a_call_closed_while_it_waits_never_joins() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    turns.close(2, 0.5)
    assert not turns.knows(2)
    turns.connected(1, 1.0)
    assert orders_of(turns) == [Join(1)]


def test_a_set_up_without_any_word_from_the_library_is_given_up() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    orders_of(turns)
    turns.handle_timer(SETUP_LIMIT_S)
    assert orders_of(turns) == [GiveUp(1), Silence(1)]
    turns.handle_timer(SETUP_LIMIT_S + STOP_DELAY_S)
    assert orders_of(turns) == [Stop(1), Join(2)]


def test_a_call_that_the_library_removed_frees_the_turn_and_is_not_stopped_again() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.open(2, 0.0)
    assert turns.gone(1, 10.0)
    assert orders_of(turns) == [Join(1), Join(2)]
    turns.close(1, 10.0)
    assert orders_of(turns) == []


def test_a_removal_during_our_own_leaving_is_no_news() -> None:
    turns = Turns()
    turns.open(1, 0.0)
    turns.connected(1, 0.1)
    turns.close(1, 1.0)
    assert not turns.gone(1, 1.05)
    assert turns.is_empty


def test_unknown_calls_are_ignored() -> None:
    turns = Turns()
    turns.receive_signal(9, b"x")
    turns.close(9, 0.0)
    assert not turns.connected(9, 0.0)
    assert not turns.gone(9, 0.0)
    assert turns.next_order() is None


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["open", "signal", "connected", "gone", "close", "wait"]), st.integers(1, 5)),
    max_size=60,
)


class Watcher:
    """Plays the library: notes who is in set-up and who was silenced, and objects to a broken rule."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.in_setup: set[int] = set()
        self.silenced_at: dict[int, float] = {}
        self.opened = 0

    def act(self, action: str, call: int, now: float) -> None:
        match action:
            case "open":
                self.opened += 1
                self.turns.open(self.opened, now)
            case "signal":
                self.turns.receive_signal(call, b"x")
            case "connected" if self.turns.connected(call, now):
                self.in_setup.discard(call)
            case "gone":
                self.turns.gone(call, now)
                self.in_setup.discard(call)
            case "close":
                self.turns.close(call, now)

    def obey(self, order: Order, now: float) -> None:
        match order:
            case Join(call):
                assert not self.in_setup
                self.in_setup.add(call)
            case Silence(call):
                self.silenced_at[call] = now
            case Stop(call):
                assert now >= self.silenced_at[call] + STOP_DELAY_S - 1e-9
                self.in_setup.discard(call)


@given(ACTIONS)
def test_no_history_sets_two_calls_up_at_once_or_stops_one_that_still_sounds(
    actions: list[tuple[str, int]],
) -> None:
    watcher = Watcher()
    for step, (action, back) in enumerate(actions):
        now = 0.03 * step
        watcher.act(action, max(1, watcher.opened - back + 1), now)
        watcher.turns.handle_timer(now)
        for order in orders_of(watcher.turns):
            watcher.obey(order, now)


@given(st.integers(1, 6))
def test_every_call_that_is_closed_is_forgotten_in_the_end(count: int) -> None:
    turns = Turns()
    for call in range(count):
        turns.open(call, 0.0)
    for call in range(count):
        turns.close(call, 1.0)
    turns.handle_timer(1.0 + STOP_DELAY_S)
    assert turns.is_empty
    assert turns.next_timer() is None
