"""upload.*, and media of messages that are made of uploads."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.world.messages import ContactMedia, FileMedia, Media
from linegram.sandbox.world.refusals import bad_request


def _save_part(asker: Asker, request: Any) -> bool:
    asker.world.files.save_part(asker.user_id, request.file_id, request.file_part, request.bytes)
    return True


def _get_file(asker: Asker, request: Any) -> Any:
    location = request.location
    if not isinstance(location, types.InputDocumentFileLocation):
        raise bad_request("LOCATION_INVALID")
    asker.user_id  # noqa: B018 - refuses a device that is nobody
    file = asker.world.files.get(location.id, location.access_hash)
    piece = file.body[request.offset : request.offset + request.limit]
    return types.upload.File(types.storage.FileUnknown(), 0, piece)


def read_media(asker: Asker, given: Any) -> Media:
    """Return the media that a request names; refuses kinds that the sandbox does not carry."""
    if isinstance(given, types.InputMediaContact):
        owner = asker.world.people.person_by_phone(given.phone_number)
        user_id = 0 if owner is None else owner.user_id
        return ContactMedia(given.phone_number, given.first_name, given.last_name, user_id)
    if isinstance(given, types.InputMediaUploadedDocument):
        file = given.file
        names = [a.file_name for a in given.attributes if isinstance(a, types.DocumentAttributeFilename)]
        name = names[0] if names else file.name
        stored = asker.world.files.finish(
            asker.user_id, file.id, parts=file.parts, name=name, mime_type=given.mime_type
        )
        return FileMedia(stored)
    raise bad_request("MEDIA_INVALID")


METHODS: Mapping[type[Any], Handler] = {
    functions.upload.SaveFilePartRequest: _save_part,
    functions.upload.SaveBigFilePartRequest: _save_part,
    functions.upload.GetFileRequest: _get_file,
}
