"""Holds what comes before anybody can take it."""

from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Gate(Generic[Item]):
    """A sink that keeps items until it is opened, then passes each on at once, in order."""

    def __init__(self) -> None:
        self._held: list[Item] = []
        self._take: Callable[[Item], None] | None = None

    def __call__(self, item: Item) -> None:
        """Pass an item on, or keep it."""
        if self._take is None:
            self._held.append(item)
        else:
            self._take(item)

    def open(self, take: Callable[[Item], None]) -> None:
        """Pass on what was kept, and from now on everything."""
        while self._held:
            take(self._held.pop(0))
        self._take = take
