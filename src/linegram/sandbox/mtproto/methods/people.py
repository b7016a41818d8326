"""users.* and contacts.*: looking people up, keeping them as contacts, blocking them."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.people import Person


def _get_users(asker: Asker, request: Any) -> list[Any]:
    """Return those whom the asker may name; the others become userEmpty, as on Telegram."""
    found = []
    for given in request.id:
        try:
            found.append(asker.view().user(asker.named_user(given).user_id))
        except TelegramRefusalError as refusal:
            if refusal.code == 401:
                raise
            found.append(types.UserEmpty(getattr(given, "user_id", 0)))
    return found


def _get_full_user(asker: Asker, request: Any) -> Any:
    person = asker.named_user(request.id)
    view = asker.view()
    view.mention(person.user_id)
    is_callable = person.bot is None and not person.is_deleted
    full = types.UserFull(
        person.user_id,
        types.PeerSettings(),
        types.PeerNotifySettings(),
        0,
        blocked=person.user_id in asker.person.blocked_ids,
        phone_calls_available=is_callable,
        phone_calls_private=is_callable and not person.lets(person.phone_call_privacy, asker.user_id),
    )
    return types.users.UserFull(full, [], view.users())


def _resolved(asker: Asker, person: Person) -> Any:
    view = asker.view()
    view.mention(person.user_id)
    return types.contacts.ResolvedPeer(types.PeerUser(person.user_id), [], view.users())


def _resolve_phone(asker: Asker, request: Any) -> Any:
    return _resolved(asker, asker.world.people.look_up_phone(asker.user_only(), request.phone))


def _resolve_username(asker: Asker, request: Any) -> Any:
    return _resolved(asker, asker.world.people.look_up_username(asker.user_id, request.username))


def _import_contacts(asker: Asker, request: Any) -> Any:
    """Add those numbers that have an account; the others are answered with silence."""
    imported = []
    view = asker.view()
    for given in request.contacts:
        person = asker.world.people.person_by_phone(given.phone)
        if person is not None:
            asker.world.people.add_contact(asker.user_only(), person.user_id)
            imported.append(types.ImportedContact(view.mention(person.user_id), given.client_id))
    return types.contacts.ImportedContacts(imported, [], [], view.users())


def _add_contact(asker: Asker, request: Any) -> Any:
    person = asker.named_user(request.id)
    asker.world.people.add_contact(asker.user_only(), person.user_id)
    view = asker.view()
    view.mention(person.user_id)
    return view.updates([types.UpdatePeerSettings(types.PeerUser(person.user_id), types.PeerSettings())])


def _delete_contacts(asker: Asker, request: Any) -> Any:
    for given in request.id:
        asker.person.contact_ids.discard(asker.named_user(given).user_id)
    return asker.view().updates([])


def _get_contacts(asker: Asker, _request: Any) -> Any:
    view = asker.view()
    contacts = [
        types.Contact(view.mention(user_id), asker.user_id in asker.world.people.get(user_id).contact_ids)
        for user_id in sorted(asker.person.contact_ids)
    ]
    return types.contacts.Contacts(contacts, len(contacts), view.users())


def _block(asker: Asker, request: Any) -> bool:
    asker.person.blocked_ids.add(asker.peer(request.id).user_id)
    return True


def _unblock(asker: Asker, request: Any) -> bool:
    asker.person.blocked_ids.discard(asker.peer(request.id).user_id)
    return True


METHODS: Mapping[type[Any], Handler] = {
    functions.users.GetUsersRequest: _get_users,
    functions.users.GetFullUserRequest: _get_full_user,
    functions.contacts.ResolvePhoneRequest: _resolve_phone,
    functions.contacts.ResolveUsernameRequest: _resolve_username,
    functions.contacts.ImportContactsRequest: _import_contacts,
    functions.contacts.AddContactRequest: _add_contact,
    functions.contacts.DeleteContactsRequest: _delete_contacts,
    functions.contacts.GetContactsRequest: _get_contacts,
    functions.contacts.BlockRequest: _block,
    functions.contacts.UnblockRequest: _unblock,
}
