"""Which voice engine a call gets, and why."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.calls.engine_choice import (
    AUTO,
    REMEMBERED_FOR_S,
    EngineChoice,
    EngineDesk,
    EngineReason,
    RememberedEngine,
)
from linegram.link.voice import NTGCALLS, OWN, VoiceParameters
from linegram.sandbox.doubles_phone import PARAMETERS
from linegram.units import TelegramUserId

ANN, BOB = TelegramUserId(1), TelegramUserId(2)
NOW = 1_000_000.0
BOTH = (OWN, NTGCALLS)
BY_DEFAULT = EngineChoice(OWN, EngineReason.DEFAULT)
AFTER_OWN = EngineChoice(NTGCALLS, EngineReason.OWN_FAILED)
FROM_MEMORY = EngineChoice(NTGCALLS, EngineReason.REMEMBERED)


def asking(custom: str | None) -> VoiceParameters:
    return msgspec.structs.replace(PARAMETERS, custom_parameters=custom)


MTPROTO = asking('{"network_use_mtproto": true}')


def desk(mode: str = AUTO, installed: tuple[str, ...] = BOTH) -> EngineDesk:
    made = EngineDesk(mode)
    made.worker_has(installed)
    return made


def test_our_own_engine_is_tried_first() -> None:
    assert desk().choose(ANN, PARAMETERS, None, NOW) == BY_DEFAULT


def test_a_redial_uses_the_other_engine() -> None:
    assert desk().choose(ANN, PARAMETERS, BY_DEFAULT, NOW) == AFTER_OWN
    assert desk().choose(ANN, PARAMETERS, FROM_MEMORY, NOW) == EngineChoice(OWN, EngineReason.NTGCALLS_FAILED)


def test_what_connected_in_a_redial_is_remembered_for_a_day_for_this_employee_only() -> None:
    engines = desk()
    assert engines.connected(ANN, AFTER_OWN, NOW) == RememberedEngine(NTGCALLS, NOW)
    assert engines.choose(ANN, PARAMETERS, None, NOW + REMEMBERED_FOR_S - 1) == FROM_MEMORY
    assert engines.choose(BOB, PARAMETERS, None, NOW + 1) == BY_DEFAULT
    assert engines.choose(ANN, PARAMETERS, None, NOW + REMEMBERED_FOR_S) == BY_DEFAULT


def test_a_call_on_a_remembered_engine_does_not_make_the_day_longer() -> None:
    engines = desk()
    engines.connected(ANN, AFTER_OWN, NOW)
    assert engines.connected(ANN, FROM_MEMORY, NOW + 80_000) is None
    assert engines.connected(ANN, BY_DEFAULT, NOW + 80_000) is None
    assert engines.choose(ANN, PARAMETERS, None, NOW + REMEMBERED_FOR_S) == BY_DEFAULT


def test_memory_of_the_native_engine_ends_when_our_own_connects_in_its_place() -> None:
    engines = desk()
    engines.connected(ANN, AFTER_OWN, NOW)
    engines.connected(ANN, EngineChoice(OWN, EngineReason.NTGCALLS_FAILED), NOW + 10)
    assert engines.choose(ANN, PARAMETERS, None, NOW + 20) == BY_DEFAULT


def test_what_an_earlier_process_remembered_counts() -> None:
    engines = EngineDesk(AUTO, {ANN: RememberedEngine(NTGCALLS, NOW)})
    engines.worker_has(BOTH)
    assert engines.choose(ANN, PARAMETERS, None, NOW + 10) == FROM_MEMORY


def test_a_clock_that_was_set_back_does_not_keep_a_memory_for_ever() -> None:
    engines = EngineDesk(AUTO, {ANN: RememberedEngine(NTGCALLS, NOW + 10 * REMEMBERED_FOR_S)})
    engines.worker_has(BOTH)
    assert engines.choose(ANN, PARAMETERS, None, NOW) == BY_DEFAULT


@pytest.mark.parametrize("mode", BOTH)
def test_a_configured_engine_is_used_always(mode: str) -> None:
    engines = EngineDesk(mode, {ANN: RememberedEngine(NTGCALLS, NOW)})
    engines.worker_has(BOTH)
    for parameters, failed in itertools.product((PARAMETERS, MTPROTO), (None, BY_DEFAULT)):
        choice = engines.choose(ANN, parameters, failed, NOW)
        assert choice == EngineChoice(mode, EngineReason.CONFIGURED)
        assert engines.connected(ANN, choice, NOW) is None


def test_without_the_native_engine_it_is_our_own_whatever_happens() -> None:
    engines = EngineDesk(AUTO, {ANN: RememberedEngine(NTGCALLS, NOW)})
    for parameters, failed in itertools.product((PARAMETERS, MTPROTO), (None, BY_DEFAULT, AFTER_OWN)):
        assert engines.choose(ANN, parameters, failed, NOW) == BY_DEFAULT


def test_a_call_that_asks_for_mtproto_goes_to_the_native_engine() -> None:
    for failed in (None, BY_DEFAULT, EngineChoice(NTGCALLS, EngineReason.MTPROTO_ASKED)):
        assert desk().choose(ANN, MTPROTO, failed, NOW) == EngineChoice(NTGCALLS, EngineReason.MTPROTO_ASKED)


@pytest.mark.parametrize(
    ("custom", "asks"),
    [
        (None, False),
        ("", False),
        ("{}", False),
        ('{"network_use_mtproto": true}', True),
        ('{"network_use_mtproto": 1}', True),
        ('{"network_use_mtproto": false}', False),
        ('["network_use_mtproto"]', False),
        ("[" * 100_000, False),
        ("no JSON", False),
    ],
)
def test_custom_parameters_are_read_with_care(custom: str | None, asks: bool) -> None:
    assert asking(custom).asks_mtproto is asks


@given(st.text())
def test_no_custom_parameters_raise(custom: str) -> None:
    assert asking(custom).asks_mtproto in {True, False}


@given(
    st.sampled_from([OWN, NTGCALLS, AUTO]),
    st.sampled_from([(OWN,), BOTH]),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 90_000)), max_size=20),
)
def test_auto_never_chooses_what_is_not_installed(
    mode: str, installed: tuple[str, ...], calls: list[tuple[bool, bool, float]]
) -> None:
    engines, now, last = desk(mode, installed), NOW, None
    for has_failed, asks_mtproto, passed_s in calls:
        now += passed_s
        parameters = MTPROTO if asks_mtproto else PARAMETERS
        last = engines.choose(ANN, parameters, last if has_failed else None, now)
        assert last.engine in installed or mode != AUTO
        engines.connected(ANN, last, now)
