"""A small world with the usual cast."""

from dataclasses import dataclass
from random import Random

import pytest

from linegram.sandbox.world import World
from linegram.sandbox.world.people import Person


class HandClock:
    """A clock that a test moves by hand, in seconds of Unix time."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Cast:
    """Who plays: an employee, the calling account, the bot, and a stranger to all."""

    world: World
    clock: HandClock
    anna: Person
    caller: Person
    bot: Person
    stranger: Person


@pytest.fixture
def cast() -> Cast:
    """Make a world in which Anna and the calling account have met."""
    clock = HandClock()
    world = World(Random(7), clock)
    anna = world.people.add_person("Anna", phone="79990000001", username="anna")
    caller = world.people.add_person("Office calls", phone="79990000002")
    bot = world.people.add_bot("Linegram", username="linegram_bot")
    stranger = world.people.add_person("Stranger", phone="79990000009")
    world.people.meet(anna.user_id, caller.user_id)
    world.people.meet(caller.user_id, anna.user_id)
    return Cast(world, clock, anna, caller, bot, stranger)
