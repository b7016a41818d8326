"""Frames between two clocks: nothing is lost in step, and no delay stays for ever."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linegram.voice.playout import PlayoutQueue


def half(value: int, sample_hz: int = 8000) -> bytes:
    return np.full(sample_hz // 100, value, np.int16).tobytes()


def test_two_halves_make_one_frame_in_their_order() -> None:
    queue = PlayoutQueue(8000)
    queue.put(half(1))
    queue.put(half(2))
    frame = queue.pull()
    assert len(frame) == 160
    assert frame[0] == 1
    assert frame[80] == 2


def test_less_than_a_frame_gives_silence_and_loses_nothing() -> None:
    queue = PlayoutQueue(16000)
    queue.put(half(7, 16000))
    assert not queue.pull().any()
    queue.put(half(8, 16000))
    assert list(queue.pull()[[0, 160]]) == [7, 8]


def test_a_frame_of_another_length_is_dropped() -> None:
    queue = PlayoutQueue(8000)
    queue.put(half(1) + b"\0\0")
    queue.put(b"")
    queue.put(half(2))
    queue.put(half(3))
    assert queue.pull()[0] == 2


def test_a_backlog_that_nobody_needs_is_gone_after_a_second() -> None:
    queue = PlayoutQueue(8000)
    for _ in range(12):
        queue.put(half(0))
    for _ in range(60):
        queue.put(half(0))
        queue.put(half(0))
        queue.pull()
    for value in (9, 9):
        queue.put(half(value))
    pulls = 0
    while not queue.pull().any():
        pulls += 1
    assert pulls <= 1


def test_a_stalled_reader_never_finds_more_than_a_fifth_of_a_second() -> None:
    queue = PlayoutQueue(8000)
    for value in range(100):
        queue.put(half(value))
    assert queue.pull()[0] == 80


@given(st.lists(st.integers(0, 3), min_size=5, max_size=200))
def test_what_comes_out_keeps_its_order_whatever_the_rhythm(puts_per_pull: list[int]) -> None:
    queue = PlayoutQueue(8000)
    number, heard = 0, []
    for count in puts_per_pull:
        for _ in range(count):
            number += 1
            queue.put(half(number))
        frame = queue.pull()
        if frame.any():
            heard += [int(frame[0]), int(frame[80])]
    assert heard == sorted(set(heard))
