"""docs/states.md is what the tables say."""

import re

from tools.draw_states import PAGE, machines, page


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "the tables have changed: run `make docs`"


def test_every_row_of_every_table_is_on_the_page() -> None:
    assert len(machines()) == 10
    for machine in machines():
        assert {row.state for row in machine.transitions} <= set(machine.states)
        assert {row.event for row in machine.transitions} <= set(machine.events)
        assert len({(row.state, row.event) for row in machine.transitions}) == len(machine.transitions)


def test_every_state_can_be_reached_from_a_start() -> None:
    for machine in machines():
        reached = set(machine.starts)
        while more := {row.next_state for row in machine.transitions if row.state in reached} - reached:
            reached |= more
        assert reached == set(machine.states), machine.title


def test_every_state_has_a_way_to_the_end() -> None:
    for machine in machines():
        ends = set(machine.states) - {row.state for row in machine.transitions if row.next_state != row.state}
        # An answered INVITE goes on as an answered call.
        assert ends, machine.title
        assert ends <= {"ended", "gone", "terminated", "answered"}, machine.title
        while more := {row.state for row in machine.transitions if row.next_state in ends} - ends:
            ends |= more
        assert ends == set(machine.states), machine.title


def test_pictures_use_only_names_that_mermaid_can_draw() -> None:
    pictures = re.findall(r"```mermaid\n(.*?)```", page(), re.DOTALL)
    assert len(pictures) == len(machines())
    for line in "".join(pictures).splitlines():
        assert re.fullmatch(r"stateDiagram-v2|    (\[\*\]|\w+) --> \w+(: [\w, -]+)?", line), line
