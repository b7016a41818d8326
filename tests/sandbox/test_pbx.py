"""The sandbox's PBX, with our own user agent as the telephone: registrations and calls."""

from collections.abc import AsyncIterator

import pytest

from linegram.errors import UnavailableError
from linegram.sandbox.pbx import SandboxPbx
from linegram.sandbox.pbx_call import PbxCall, Stage
from linegram.sandbox.pbx_extensions import announcement, busy, echo, telephone, tone, unanswered
from linegram.sip import events as sip
from tests.sandbox.softphone import Softphone, softphone

NEAR_HZ, FAR_HZ, EARLY_HZ = 500.0, 800.0, 1100.0


@pytest.fixture
async def pbx() -> AsyncIterator[SandboxPbx]:
    async with SandboxPbx({"101": "pw", "102": "pw2"}) as running:
        yield running


@pytest.fixture
async def phone(pbx: SandboxPbx) -> AsyncIterator[Softphone]:
    async with softphone(pbx) as running:
        await pbx.wait_for_registration("101")
        yield running


async def test_the_right_password_registers_and_leaving_removes_the_binding(pbx: SandboxPbx) -> None:
    async with softphone(pbx) as phone:
        changed = await phone.wait_for(sip.RegistrationChanged)
        assert (changed.state, changed.status) == (sip.RegistrationState.REGISTERED, 200)
        assert changed.other_contacts == ()
        binding = pbx.binding("101")
        assert binding is not None
        assert binding.flow.port == phone.transport.address[1]
    assert pbx.binding("101") is None


@pytest.mark.parametrize(("user", "password"), [("101", "wrong"), ("999", "pw"), ("101", "pw2")])
async def test_wrong_credentials_are_refused(pbx: SandboxPbx, user: str, password: str) -> None:
    async with softphone(pbx, user=user, password=password) as phone:
        changed = await phone.wait_for(sip.RegistrationChanged)
        assert (changed.state, changed.status) == (sip.RegistrationState.REFUSED, 401)
    assert pbx.binding(user) is None


@pytest.mark.parametrize(
    ("codec", "name"), [("alaw", "PCMA"), ("mulaw", "PCMU"), ("g722", "G722"), ("opus", "opus")]
)
async def test_a_dialled_telephone_rings_is_answered_and_both_hear_each_other(
    pbx: SandboxPbx, phone: Softphone, codec: str, name: str
) -> None:
    pbx.add_extension("205", telephone(lambda: tone(FAR_HZ), codecs=(codec,)))
    audio = await phone.dial("205", ("opus", "g722", "alaw", "mulaw"), NEAR_HZ)
    call = await pbx.wait_for_call()
    await audio.wait_until_hears(FAR_HZ)
    await call.audio.wait_until_hears(NEAR_HZ)
    assert call.audio.codec == audio.codec == name
    assert list(call.times_s) == [Stage.INVITED, Stage.RINGING, Stage.ANSWERED]
    phone.hang_up()
    await call.wait_for(Stage.OVER)
    assert call.cause is sip.EndCause.REMOTE_BYE
    assert call.audio.statistics is not None
    assert call.audio.statistics.packets_lost == 0


async def test_the_echo_sends_back_what_it_hears(pbx: SandboxPbx, phone: Softphone) -> None:
    pbx.add_extension("600", echo())
    audio = await phone.dial("600", ("alaw",), NEAR_HZ)
    await audio.wait_until_hears(NEAR_HZ)


async def test_early_media_is_heard_before_the_answer(pbx: SandboxPbx, phone: Softphone) -> None:
    pbx.add_extension("700", announcement(lambda: tone(EARLY_HZ), lambda: tone(FAR_HZ), early_s=0.6))
    audio = await phone.dial("700", ("alaw",), NEAR_HZ)
    call = await pbx.wait_for_call()
    await audio.wait_until_hears(EARLY_HZ)
    await phone.wait_for(sip.CallAnswered)
    await audio.wait_until_hears(FAR_HZ)
    assert list(call.times_s) == [Stage.INVITED, Stage.EARLY_MEDIA, Stage.ANSWERED]


@pytest.mark.parametrize(("number", "status"), [("486", 486), ("404", 404)])
async def test_a_busy_and_an_unknown_number_are_refused(
    pbx: SandboxPbx, phone: Softphone, number: str, status: int
) -> None:
    pbx.add_extension("486", busy())
    phone.invite(number)
    ended = await phone.wait_for(sip.CallEnded)
    assert (ended.cause, ended.status) == (sip.EndCause.REMOTE_REJECT, status)


async def test_a_telephone_without_a_common_codec_is_refused(pbx: SandboxPbx, phone: Softphone) -> None:
    pbx.add_extension("205", telephone(codecs=("g722",)))
    phone.invite("205")
    assert (await phone.wait_for(sip.CallEnded)).status == 488


async def test_an_unanswered_telephone_rings_until_the_caller_gives_up(
    pbx: SandboxPbx, phone: Softphone
) -> None:
    pbx.add_extension("300", unanswered())
    phone.invite("300")
    call = await pbx.wait_for_call()
    assert (await phone.wait_for(sip.ProgressReceived)).status == 180
    phone.hang_up()
    with pytest.raises(UnavailableError, match="remote CANCEL"):
        await call.wait_for(Stage.ANSWERED)


async def test_the_pbx_calls_a_registered_telephone_and_both_hear_each_other(
    pbx: SandboxPbx, phone: Softphone
) -> None:
    seen: list[tuple[PbxCall, Stage]] = []
    pbx.on_stage = lambda call, stage: seen.append((call, stage))
    call = pbx.call("101", number="4711", name="Boris", sound=tone(FAR_HZ))
    audio = await phone.pick_up(NEAR_HZ)
    await audio.wait_until_hears(FAR_HZ)
    await call.audio.wait_until_hears(NEAR_HZ)
    call.hang_up()
    ended = await phone.wait_for(sip.CallEnded)
    assert ended.cause is sip.EndCause.REMOTE_BYE
    await call.wait_for(Stage.OVER)
    assert [stage for _, stage in seen] == [Stage.INVITED, Stage.RINGING, Stage.ANSWERED, Stage.OVER]
    track = call.audio.heard()
    assert len(track.samples) == len(track.times_s) * track.frame_samples


async def test_the_caller_shows_number_and_name(pbx: SandboxPbx, phone: Softphone) -> None:
    call = pbx.call("101", number="4711", name="Boris Orlov")
    invited = await phone.wait_for(sip.InviteReceived)
    assert (invited.caller.name, invited.caller.number) == ("Boris Orlov", "4711")
    call.hang_up()
    await call.wait_for(Stage.OVER)
    assert call.cause is sip.EndCause.LOCAL_CANCEL


async def test_an_account_that_is_not_registered_cannot_be_called(pbx: SandboxPbx) -> None:
    with pytest.raises(UnavailableError, match="102 is not registered"):
        pbx.call("102", number="4711")


async def test_closing_the_pbx_ends_its_calls() -> None:
    async with SandboxPbx({"101": "pw"}) as other, softphone(other) as phone:
        other.add_extension("205", telephone(lambda: tone(FAR_HZ)))
        await other.wait_for_registration("101")
        await phone.dial("205", ("alaw",), NEAR_HZ)
        call = await other.wait_for_call()
        await call.wait_for(Stage.ANSWERED)
        await call.audio.wait_until_hears(NEAR_HZ)
        await other.close()
        assert (await phone.wait_for(sip.CallEnded)).cause is sip.EndCause.REMOTE_BYE
        assert call.stage is Stage.OVER
