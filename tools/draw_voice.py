"""Draws the parts of docs/voice-protocol.md that come from the code: versions, negotiation tables, limits.

`python tools/draw_voice.py` writes them between their marks; a test fails when they are not what this would
write. A limit that has a test is in the list below; what is listed is looked up in the code.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from linegram.voice.own.negotiation import CALLEE_ROWS, CALLER_ROWS, Event, Row, State
from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "voice-protocol.md"
_VOICE: Final = "linegram.voice.own"


_BEYOND: Final = "test_messages.py::test_a_list_text_or_number_beyond_its_limit_is_refused"


class Limit(NamedTuple):
    """One limit: what it bounds, the constant that says so, and the test that goes beyond it."""

    what: str
    constant: str
    unit: str
    test: str

    @property
    def file(self) -> str:
        """The file that the test is in."""
        return f"tests/voice/own/{self.test.partition('::')[0]}"


LIMITS: Final = (
    Limit("a signalling packet", "box.LONGEST_PACKET_BYTES", "bytes",
          "test_box.py::test_a_packet_longer_than_any_is_refused_unread"),
    Limit("a packet that we build for 8 and 9", "acked_framing.LONGEST_PACKET_BYTES", "bytes",
          "test_acked_framing.py::test_what_does_not_fit_in_one_packet_travels_in_the_next"),
    Limit("records in a packet of 8 and 9", "acked_framing._MOST_RECORDS", "",
          "test_acked_framing.py::test_a_malformed_packet_is_refused_whole"),
    Limit("our messages that wait to be acknowledged", "acked_framing.MOST_UNACKED", "",
          "test_acked_framing.py::test_a_far_end_that_never_acknowledges_costs_no_more_than_its_limit"),
    Limit("messages remembered as had", "acked_framing._MOST_REMEMBERED", "",
          "test_acked_framing.py::test_what_is_remembered_of_the_far_ends_messages_is_bounded"),
    Limit("a message, unpacked", "inflate.LONGEST_JSON_BYTES", "bytes",
          "test_inflate.py::test_a_bomb_does_not_go_off"),
    Limit("a word in a message", "messages.LONGEST_WORD", "characters", _BEYOND),
    Limit("a candidate's line", "messages.LONGEST_LINE", "characters", _BEYOND),
    Limit("an ssrc or exchange id", "messages.LONGEST_NUMBER", "digits", _BEYOND),
    Limit("any other number", "messages.GREATEST_INTEGER", "", _BEYOND),
    Limit("candidates in a message", "messages.MOST_CANDIDATES", "", _BEYOND),
    Limit("fingerprints of an end", "messages.MOST_FINGERPRINTS", "", _BEYOND),
    Limit("contents of an offer", "messages.MOST_CONTENTS", "", _BEYOND),
    Limit("codecs of a content", "messages.MOST_PAYLOAD_TYPES", "", _BEYOND),
    Limit("parameters, feedback types, extensions", "messages.MOST_ATTRIBUTES", "each", _BEYOND),
    Limit("exchange ids remembered", "negotiation.MOST_REMEMBERED_IDS", "of each end",
          "test_negotiation.py::test_what_is_remembered_of_endless_offers_is_bounded"),
    Limit("an SCTP packet", "sctp.packet.LONGEST_PACKET_BYTES", "bytes",
          "sctp/test_bounds.py::test_a_packet_is_no_longer_than_the_limit"),
    Limit("chunks in it", "sctp.packet.MOST_CHUNKS", "",
          "sctp/test_bounds.py::test_a_packet_has_no_more_chunks_than_the_limit"),
    Limit("answers to one packet", "sctp.association.MOST_REPLIES", "",
          "sctp/test_bounds.py::test_one_packet_full_of_questions_gets_a_bounded_number_of_answers"),
    Limit("fragments that came before their turn", "sctp.inbox.MOST_AHEAD", "",
          "sctp/test_bounds.py::test_fragments_far_ahead_are_not_kept_and_come_again"),
    Limit("their bytes", "sctp.inbox.WINDOW_BYTES", "bytes",
          "sctp/test_bounds.py::test_bytes_that_wait_for_their_turn_are_no_more_than_the_window"),
    Limit("an SCTP message, put together", "sctp.inbox.LONGEST_MESSAGE_BYTES", "bytes",
          "sctp/test_bounds.py::test_a_message_longer_than_any_is_forgotten_whole_and_the_next_one_comes"),
    Limit("SCTP messages not yet taken", "sctp.inbox.MOST_WAITING", "",
          "sctp/test_bounds.py::test_messages_that_nobody_takes_are_bounded"),
    Limit("fragments of ours that wait", "sctp.outbox.MOST_FRAGMENTS", "",
          "sctp/test_bounds.py::test_a_far_end_that_takes_nothing_costs_a_bounded_queue_and_can_still_come_back"),
    Limit("data channels", "data_channel.MOST_CHANNELS", "",
          "test_data_channel.py::test_a_far_end_that_opens_channels_without_end_gets_a_few"),
    Limit("texts that wait for the channel", "data_channel._MOST_WAITING", "",
          "test_data_channel.py::test_what_waits_for_a_channel_that_never_opens_is_bounded"),
    Limit("DTLS datagrams before the fingerprint is known", "secure_path._MOST_EARLY", "",
          "test_secure_path.py::test_hellos_that_come_before_the_setup_message_are_kept_in_a_bounded_number"),
    Limit("DTLS datagrams that wait for a path", "dtls.MOST_UNSENT", "",
          "test_secure_path.py::test_answers_that_wait_for_a_path_are_bounded"),
    Limit("DTLS payloads not yet read", "dtls.MOST_UNREAD", "",
          "test_secure_path.py::test_what_nobody_reads_from_the_data_channel_is_bounded"),
    Limit("RTP, RTCP and texts not yet taken", "secure_path._MOST_RECEIVED", "each",
          "test_secure_path.py::test_media_reports_and_texts_that_nobody_takes_are_bounded"),
    Limit("addresses of the far end", "ice.agent._MOST_REMOTES", "",
          "ice/test_agent.py::test_a_flood_of_candidates_is_bounded"),
)  # fmt: skip


def versions() -> str:
    """Return the table of versions."""
    rows = [
        f"| {', '.join(f'`{one}`' for one in names)} | {framing} |"
        for names, framing in ((ACKED_VERSIONS, "records with acks"), (SCTP_VERSIONS, "SCTP"))
    ]
    return "\n".join(["| versions | framing |", "|---|---|", *rows])


def negotiation() -> str:
    """Return both tables of the negotiation, with a picture each."""
    return "\n\n".join(
        part
        for name, rows in (("The caller", CALLER_ROWS), ("The callee", CALLEE_ROWS))
        for part in (f"**{name}**", _picture(rows), _table(rows))
    )


def limits() -> str:
    """Return the table of limits, with the values that the code has."""
    rows = (f"| {limit.what} | {_value(limit)} | `{limit.constant}` | `{limit.file}` |" for limit in LIMITS)
    return "\n".join(["| what | at most | in `voice/own/` | tested in |", "|---|---|---|---|", *rows])


def page() -> str:
    """Return the page with its drawn parts as the code has them."""
    text = PAGE.read_text(encoding="utf-8")
    for name, draw in (("versions", versions), ("negotiation", negotiation), ("limits", limits)):
        begin, end = f"<!-- drawn: {name} -->", f"<!-- end: {name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"docs/voice-protocol.md has no place for {name}")
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        drawn = f"{begin}\n{draw()}\n{end}"
        text = pattern.sub(lambda _, drawn=drawn: drawn, text)  # type: ignore[misc]
    return text


def value_of(constant: str) -> int:
    """Look a constant up in the code."""
    module, _, name = constant.rpartition(".")
    found = getattr(importlib.import_module(f"{_VOICE}.{module}"), name)
    if not isinstance(found, int):
        raise TypeError(f"{constant} is no number")
    return found


def _value(limit: Limit) -> str:
    value = value_of(limit.constant)
    if limit.unit == "bytes" and value >= 1024 and value % 1024 == 0:
        return f"{value // 1024} KiB"
    number = "2³² - 1" if value == 0xFFFF_FFFF else f"{value}"
    return f"{number} {limit.unit}".rstrip()


def _picture(rows: Mapping[tuple[State, Event], Row]) -> str:
    edges: dict[tuple[State, State], list[str]] = {}
    for (state, event), row in rows.items():
        if row.commands or row.state is not state:
            edges.setdefault((state, row.state), []).append(event.value)
    lines = [
        f"    {here.value} --> {there.value}: {', '.join(events)}" for (here, there), events in edges.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {State.NEW.value}", *lines, "```"])


def _table(rows: Mapping[tuple[State, Event], Row]) -> str:
    lines = (
        f"| `{state.value}` | `{event.value}` | {_next(state, row)} | {_words(row.commands) or 'nothing'} |"
        for (state, event), row in rows.items()
    )
    return "\n".join(["| in | on | to | do |", "|---|---|---|---|", *lines])


def _next(state: State, row: Row) -> str:
    return "" if row.state is state else f"`{row.state.value}`"


def _words(commands: Iterable[Enum]) -> str:
    return ", ".join(str(command.value) for command in commands)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
