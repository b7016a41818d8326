"""updates.*: where a device stands and what it missed (core.telegram.org/api/updates)."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.view import moment
from linegram.sandbox.world.events import MessageArrived


def _state(asker: Asker) -> Any:
    feed = asker.world.feed_of(asker.user_id)
    return types.updates.State(feed.pts, 0, moment(asker.world.clock()), 0, 0)


def _get_state(asker: Asker, _request: Any) -> Any:
    return _state(asker)


def _get_difference(asker: Asker, request: Any) -> Any:
    missed = asker.world.feed_of(asker.user_id).after_pts(request.pts)
    if not missed:
        return types.updates.DifferenceEmpty(moment(asker.world.clock()), 0)
    view = asker.view()
    messages = [view.message(item.event.message) for item in missed if isinstance(item.event, MessageArrived)]
    others = [view.update(item) for item in missed if not isinstance(item.event, MessageArrived)]
    return types.updates.Difference(messages, [], others, [], view.users(), _state(asker))


METHODS: Mapping[type[Any], Handler] = {
    functions.updates.GetStateRequest: _get_state,
    functions.updates.GetDifferenceRequest: _get_difference,
}
