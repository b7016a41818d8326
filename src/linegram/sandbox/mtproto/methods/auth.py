"""auth.*: signing in by code, two-step password, QR token or bot token, and signing out."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.view import View, moment
from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.people import Person
from linegram.sandbox.world.refusals import bad_request


def _send_code(asker: Asker, request: Any) -> Any:
    sent = asker.world.sign_in.send_code(request.phone_number)
    return types.auth.SentCode(types.auth.SentCodeTypeApp(len(sent.code)), sent.code_hash, timeout=60)


def _sign_in(asker: Asker, request: Any) -> Any:
    code = request.phone_code or ""
    person = asker.world.sign_in.check_code(request.phone_number, request.phone_code_hash, code)
    if person is None:
        return types.auth.AuthorizationSignUpRequired()
    return _let_in(asker, person)


def _sign_up(asker: Asker, request: Any) -> Any:
    person = asker.world.sign_in.sign_up(
        request.phone_number, request.phone_code_hash, request.first_name, request.last_name
    )
    return _authorization(asker, person)


def _let_in(asker: Asker, person: Person) -> Any:
    """Sign the device in, or ask for the two-step password first."""
    if person.password:
        asker.device.password_for = person.user_id
        raise TelegramRefusalError(401, "SESSION_PASSWORD_NEEDED")
    return _authorization(asker, person)


def _authorization(asker: Asker, person: Person) -> Any:
    asker.host.sign_in(asker.device, person.user_id)
    return types.auth.Authorization(View(asker.world, person.user_id).user(person.user_id))


def _check_password(asker: Asker, request: Any) -> Any:
    owed = asker.device.password_for
    if owed is None:
        raise TelegramRefusalError(401, "AUTH_KEY_UNREGISTERED")
    asker.host.passwords.check(owed, request.password)
    asker.device.password_for = None
    return _authorization(asker, asker.world.people.get(owed))


def _get_password(asker: Asker, _request: Any) -> Any:
    user_id = asker.device.password_for or asker.user_id
    return asker.host.passwords.describe(user_id, asker.world.people.get(user_id).password)


def _export_login_token(asker: Asker, _request: Any) -> Any:
    token = asker.world.sign_in.export_token(asker.device_key)
    if token.accepted_by is None:
        return types.auth.LoginToken(moment(token.expires_at_s), token.token)
    return types.auth.LoginTokenSuccess(_let_in(asker, asker.world.people.get(token.accepted_by)))


def _accept_login_token(asker: Asker, request: Any) -> Any:
    asker.world.sign_in.accept_token(asker.user_only(), request.token)
    now = moment(asker.world.clock())
    return types.Authorization(0, "sandbox", "", "", 0, "Linegram", "", now, now, "127.0.0.1", "", "")


def _import_login_token(_asker: Asker, _request: Any) -> Any:
    raise bad_request("AUTH_TOKEN_INVALID")


def _import_bot(asker: Asker, request: Any) -> Any:
    return _authorization(asker, asker.world.people.bot_by_token(request.bot_auth_token))


def _log_out(asker: Asker, _request: Any) -> Any:
    asker.host.sign_out(asker.device)
    return types.auth.LoggedOut()


METHODS: Mapping[type[Any], Handler] = {
    functions.auth.SendCodeRequest: _send_code,
    functions.auth.SignInRequest: _sign_in,
    functions.auth.SignUpRequest: _sign_up,
    functions.auth.CheckPasswordRequest: _check_password,
    functions.account.GetPasswordRequest: _get_password,
    functions.auth.ExportLoginTokenRequest: _export_login_token,
    functions.auth.AcceptLoginTokenRequest: _accept_login_token,
    functions.auth.ImportLoginTokenRequest: _import_login_token,
    functions.auth.ImportBotAuthorizationRequest: _import_bot,
    functions.auth.LogOutRequest: _log_out,
}
