"""Updates in the shapes of the Bot API's documentation; all persons and chats are invented."""

from __future__ import annotations

from typing import Any

Update = dict[str, Any]
RESIDENT = {"id": 7001, "is_bot": False, "first_name": "示例", "language_code": "zh-hans"}
FOREIGNER = {"id": 7002, "is_bot": False, "first_name": "Example", "language_code": "en-GB"}
CHAT = {"id": 7001, "type": "private", "first_name": "示例"}
GROUP = {"id": -100200300, "type": "supergroup", "title": "示例业主群"}


def message(number: int, user: Update | None = None, chat: Update | None = None, **content: Any) -> Update:
    """An update with a message; by default of the resident in their private chat."""
    user = user or RESIDENT
    chat = chat or {**CHAT, "id": user["id"]}
    inner = {"message_id": number, "from": user, "chat": chat, "date": 1764000000, **content}
    return {"update_id": 500_000 + number, "message": inner}


def edited(number: int, text: str) -> Update:
    """An update with an edited message."""
    update = message(number, text=text)
    update["edited_message"] = {**update.pop("message"), "edit_date": 1764000100}
    return update


def pressed(number: int, key: str, user: dict[str, Any] | None = None) -> Update:
    """An update with a pressed inline button."""
    user = user or RESIDENT
    under = {"message_id": 1, "chat": {**CHAT, "id": user["id"]}, "date": 1764000000, "text": "?"}
    query = {"id": str(number), "from": user, "chat_instance": "1", "data": key, "message": under}
    return {"update_id": 500_000 + number, "callback_query": query}


PHOTO_SIZES = [
    {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 67, "file_size": 1000},
    {"file_id": "large", "file_unique_id": "l", "width": 1280, "height": 960, "file_size": 90000},
]
VOICE = {"file_id": "v", "file_unique_id": "v", "duration": 3}
STICKER = {
    "file_id": "st", "file_unique_id": "st", "type": "regular", "width": 512, "height": 512, "is_animated": False,
    "is_video": False,
}  # fmt: skip
LOCATION = {"latitude": 27.6512, "longitude": 113.4967}

#: updates in which no resident says anything
SILENT: dict[str, Update] = {
    "nothing": {"update_id": 1},
    "unknown": {"update_id": 2, "something_of_next_year": {"a": 1}},
    "channel_post": {
        "update_id": 3,
        "channel_post": {"message_id": 1, "chat": {"id": -1, "type": "channel", "title": "c"}, "date": 1, "text": "x"},
    },
    "blocked": {
        "update_id": 4,
        "my_chat_member": {
            "chat": CHAT, "from": RESIDENT, "date": 1,
            "old_chat_member": {"status": "member", "user": RESIDENT},
            "new_chat_member": {"status": "kicked", "user": RESIDENT, "until_date": 0},
        },
    },
    "poll": {
        "update_id": 5,
        "poll": {
            "id": "1", "question": "q", "options": [], "total_voter_count": 0, "is_closed": False, "is_anonymous": True,
            "type": "regular", "allows_multiple_answers": False,
        },
    },
    "pinned": message(6, pinned_message=message(1, text="x")["message"]),
    "joined": message(7, chat=GROUP, new_chat_members=[RESIDENT]),
    "group_talk": message(8, chat=GROUP, text="今晚谁家装修这么吵"),
    "a_bot": message(9, user={**RESIDENT, "id": 9, "is_bot": True}, text="buy now"),
    "live_position": {
        "update_id": 10,
        "edited_message": {**message(10, location=LOCATION)["message"], "edit_date": 1764000100},
    },
}  # fmt: skip
