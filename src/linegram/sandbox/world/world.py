"""The one world that the MTProto server and the HTTP Bot API server both show."""

from collections.abc import Callable
from random import Random

from linegram.sandbox.world.calls import Calls
from linegram.sandbox.world.chats import Chats
from linegram.sandbox.world.events import Feed
from linegram.sandbox.world.files import Files
from linegram.sandbox.world.inline import Inline
from linegram.sandbox.world.people import People
from linegram.sandbox.world.presses import Presses
from linegram.sandbox.world.sign_in import SignIn


class World:
    """Everybody and everything in the sandbox Telegram, in memory.

    `clock` returns Unix time in seconds. All ids and hashes come from `random`.
    """

    def __init__(self, random: Random, clock: Callable[[], float]) -> None:
        self.random = random
        self.clock = clock
        self._feeds: dict[int, Feed] = {}
        self.people = People(random)
        self.files = Files(random)
        self.sign_in = SignIn(self.people, clock=clock, random=random)
        self.chats = Chats(self.people, self.feed_of, clock=clock, random=random)
        self.inline = Inline(self.people, self.chats, self.feed_of, clock=clock, random=random)
        self.presses = Presses(self.people, self.chats, self.feed_of, clock=clock, random=random)
        self.calls = Calls(self.people, self.chats, self.feed_of, clock=clock, random=random)

    def feed_of(self, user_id: int) -> Feed:
        """Return what this person or bot is told."""
        if user_id not in self._feeds:
            self._feeds[user_id] = Feed(user_id, self.random.randrange(100_000_000, 900_000_000))
        return self._feeds[user_id]
