"""help.*, account.* and bots.*: the server's configuration and what an account sets for itself."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.view import moment
from linegram.sandbox.world.chats import CAPTION_CHARS, MESSAGE_CHARS, USER_EDIT_WINDOW_S
from linegram.sandbox.world.people import Audience, PrivacyRule
from linegram.sandbox.world.refusals import bad_request


def _get_config(asker: Asker, _request: Any) -> Any:
    now = moment(asker.world.clock())
    host, port = asker.host.address
    timeouts = asker.host.settings.call_timeouts
    return types.Config(
        date=now,
        expires=now + timedelta(hours=1),
        test_mode=True,
        this_dc=2,
        dc_options=[types.DcOption(2, host, port)],
        dc_txt_domain_name="",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=USER_EDIT_WINDOW_S,
        revoke_time_limit=2**31 - 1,
        revoke_pm_time_limit=2**31 - 1,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=timeouts.receive_ms,
        call_ring_timeout_ms=timeouts.ring_ms,
        call_connect_timeout_ms=timeouts.connect_ms,
        call_packet_timeout_ms=timeouts.packet_ms,
        me_url_prefix="https://t.me/",
        caption_length_max=CAPTION_CHARS,
        message_length_max=MESSAGE_CHARS,
        webfile_dc_id=2,
    )


def _get_nearest_dc(_asker: Asker, _request: Any) -> Any:
    return types.NearestDc("", 2, 2)


def _set_privacy(asker: Asker, request: Any) -> Any:
    rule = _privacy_rule(asker, request.rules)
    person = asker.person
    if isinstance(request.key, types.InputPrivacyKeyPhoneCall):
        person.phone_call_privacy = rule
    elif isinstance(request.key, types.InputPrivacyKeyPhoneP2P):
        person.phone_p2p_privacy = rule
    else:
        raise bad_request("PRIVACY_KEY_INVALID")
    return _privacy_answer(rule)


def _get_privacy(asker: Asker, request: Any) -> Any:
    if isinstance(request.key, types.InputPrivacyKeyPhoneCall):
        return _privacy_answer(asker.person.phone_call_privacy)
    if isinstance(request.key, types.InputPrivacyKeyPhoneP2P):
        return _privacy_answer(asker.person.phone_p2p_privacy)
    raise bad_request("PRIVACY_KEY_INVALID")


def _privacy_rule(asker: Asker, given: list[Any]) -> PrivacyRule:
    rule = PrivacyRule(Audience.NOBODY)
    for item in given:
        if isinstance(item, types.InputPrivacyValueAllowAll):
            rule.audience = Audience.EVERYBODY
        elif isinstance(item, types.InputPrivacyValueAllowContacts):
            rule.audience = Audience.CONTACTS
        elif isinstance(item, types.InputPrivacyValueAllowUsers):
            rule.allowed_ids.update(asker.named_user(user).user_id for user in item.users)
        elif isinstance(item, types.InputPrivacyValueDisallowUsers):
            rule.refused_ids.update(asker.named_user(user).user_id for user in item.users)
    return rule


def _privacy_answer(rule: PrivacyRule) -> Any:
    kind = {
        Audience.EVERYBODY: types.PrivacyValueAllowAll,
        Audience.CONTACTS: types.PrivacyValueAllowContacts,
        Audience.NOBODY: types.PrivacyValueDisallowAll,
    }[rule.audience]
    return types.account.PrivacyRules([kind()], [], [])


def _change_authorization(asker: Asker, request: Any) -> Any:
    """Let other devices of the account be called or not (core.telegram.org/method of this name).

    The sandbox numbers authorizations by key id; 0 is the asking device.
    """
    devices = [asker.device] if request.hash == 0 else asker.host.key_ring.of_user(asker.user_id)
    for device in devices:
        if request.hash in (0, device.key) and request.call_requests_disabled is not None:
            device.is_call_silent = bool(request.call_requests_disabled)
            return True
    raise bad_request("HASH_INVALID")


def _get_authorizations(asker: Asker, _request: Any) -> Any:
    now = moment(asker.world.clock())
    return types.account.Authorizations(
        180,
        [
            types.Authorization(
                0 if device is asker.device else device.key,
                *("sandbox", "", "", 0, "Linegram", "", now, now, "127.0.0.1", "", ""),
                current=device is asker.device,
                call_requests_disabled=device.is_call_silent,
            )
            for device in asker.host.key_ring.of_user(asker.user_id)
        ],
    )


def _update_status(asker: Asker, _request: Any) -> bool:
    return bool(asker.user_id)


def _set_bot_commands(asker: Asker, request: Any) -> bool:
    bot = asker.world.people.get(asker.bot_only()).bot
    if bot is not None:
        bot.commands = tuple((command.command, command.description) for command in request.commands)
    return True


METHODS: Mapping[type[Any], Handler] = {
    functions.help.GetConfigRequest: _get_config,
    functions.help.GetNearestDcRequest: _get_nearest_dc,
    functions.account.SetPrivacyRequest: _set_privacy,
    functions.account.GetPrivacyRequest: _get_privacy,
    functions.account.GetAuthorizationsRequest: _get_authorizations,
    functions.account.ChangeAuthorizationSettingsRequest: _change_authorization,
    functions.account.UpdateStatusRequest: _update_status,
    functions.bots.SetBotCommandsRequest: _set_bot_commands,
}
