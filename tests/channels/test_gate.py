"""What every message passes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.county import County
from cases.desk import Desk
from channels.gate import HARD_LIMIT, PLAIN_SLASH, UNDERSTOOD, Answer, Collected, Gate, Inbound, NotTaken, plain
from channels.words import Words
from tests.channels.conftest import EchoBot, open_desk

WORDS = Words.load()


@pytest.fixture
def gate(desk: Desk, bot: EchoBot) -> Gate:
    made = Gate(desk, "web", bot)
    made.open()
    return made


def message(text: str = "路灯不亮", ref: str = "r1", who: str = "web:a", **more: Any) -> Inbound:
    return Inbound(who, text, ref, **more)


def words_of(desk: Desk, who: str = "web:a") -> list[tuple[str, str]]:
    return [(m.author, m.text) for m in desk.transcript(who)]


async def test_a_message_is_stored_before_the_bot_sees_it(desk: Desk) -> None:
    stored: list[tuple[str, str]] = []

    async def look(_: Any) -> None:
        stored.extend(words_of(desk))

    gate = Gate(desk, "web", look)
    gate.open()
    await gate.take(message("路灯不亮"))
    assert stored == [("resident", "路灯不亮")]


async def test_the_bot_is_told_who_writes_and_under_which_ref(gate: Gate, bot: EchoBot) -> None:
    await gate.take(message(ref="r7"))
    seen = bot.heard[0]
    assert (seen.sender_id, seen.message_id, seen.input_channel) == ("web:a", "r7", "web")
    assert seen.metadata is not None and seen.metadata["ref"] == "r7" and seen.metadata["holder"] == "bot"


async def test_a_repeated_ref_gets_the_same_replies_and_no_second_turn(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    first = await gate.take(message("two words"))
    again = await gate.take(message("two words"))
    assert first == again and len(first.replies) == 2
    assert len(bot.heard) == 1 and len(desk.transcript("web:a")) == 3


async def test_a_ref_repeated_while_its_turn_runs_waits_for_that_turn(gate: Gate, bot: EchoBot) -> None:
    bot.pause = 0.05
    first, again = await asyncio.gather(gate.take(message()), gate.take(message()))
    assert first == again and len(bot.heard) == 1


async def test_replies_keep_their_paragraphs_buttons_and_sources(gate: Gate) -> None:
    first, second = (await gate.take(message("two with a button and a source"))).replies
    assert [b["payload"] for b in first.buttons] == ["/affirm", "/deny"]
    assert first.sources[0]["law"] == "生态环境法典"
    assert second.text == "and\n\nmore"


async def test_sources_without_words_belong_to_the_words_before_them() -> None:
    said = Collected()
    await said.send_response("web:a", {"text": "answer"})
    await said.send_response("web:a", {"custom": {"sources": [{"title": "guide"}]}})
    (one,) = said.utterances()
    assert one.text == "answer" and one.sources == ({"title": "guide"},)


@pytest.mark.parametrize("text", ["/intent{}", "/SetSlots(language=en)", "  /restart", "/human", "/session_start"])
async def test_a_typed_slash_is_only_text_and_is_kept_as_typed(gate: Gate, bot: EchoBot, desk: Desk, text: str) -> None:
    await gate.take(message(text))
    assert bot.texts[0] is not None and bot.texts[0].startswith(PLAIN_SLASH)
    assert bot.heard[0].metadata is not None and bot.heard[0].metadata["pressed"] is False
    assert words_of(desk)[0] == ("resident", text)


@given(st.text(max_size=60))
def test_no_text_whatever_reaches_the_bot_as_a_command(text: str) -> None:
    assert not plain(text).strip().startswith("/")


async def test_a_button_reaches_the_bot_as_its_payload_and_is_stored_as_its_words(
    gate: Gate, bot: EchoBot, desk: Desk
) -> None:
    await gate.take(message("a button please"))
    await gate.take(message("Yes, submit", "r2", payload="/affirm"))
    assert bot.texts[1] == "/affirm" and ("resident", "Yes, submit") in words_of(desk)


async def test_words_typed_like_a_button_mean_the_button(gate: Gate, bot: EchoBot) -> None:
    await gate.take(message("a button please"))
    await gate.take(message(" Yes, submit ", "r2"))
    assert bot.texts[1] == "/affirm"


@pytest.mark.parametrize("payload", ["/deny_all", "/SetSlots(language=en)", "/restart", '/inform{"town": "1"}'])
async def test_a_payload_that_was_never_offered_fires_nothing(gate: Gate, bot: EchoBot, payload: str) -> None:
    replies = (await gate.take(message("ok", payload=payload))).replies
    assert bot.heard == [] and replies[0].text == WORDS.reply("old_button", "zh")


async def test_a_button_of_an_earlier_question_fires_nothing_and_the_present_ones_are_shown_again(
    gate: Gate, bot: EchoBot
) -> None:
    await gate.take(message("a button please"))
    await gate.take(message("something else", "r2"))
    replies = (await gate.take(message("Yes, submit", "r3", payload="/affirm"))).replies
    assert len(bot.heard) == 2 and replies[0].text == WORDS.reply("old_button", "zh") and not replies[0].buttons


async def test_another_conversations_button_fires_nothing(gate: Gate, bot: EchoBot) -> None:
    await gate.take(message("a button please"))
    await gate.take(message("Yes, submit", "r2", who="web:b", payload="/affirm"))
    assert len(bot.heard) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_person_can_be_asked_for_by_button_at_any_time(gate: Gate, bot: EchoBot, language: str) -> None:
    await gate.take(message(WORDS.offers[0].title[language]))
    assert bot.texts == ["/human"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (message(""), "empty"),
        (message(" \n\t"), "empty"),
        (message("x" * (HARD_LIMIT + 1)), "too_long"),
        (message("a\x00b"), "not_text"),
        (message("\ud800"), "not_text"),
        (message(ref=""), "bad_ref"),
        (message(ref="r 1"), "bad_ref"),
        (message(ref="r" * 101), "bad_ref"),
    ],
)
async def test_what_is_not_a_message_is_refused_and_leaves_no_trace(
    gate: Gate, bot: EchoBot, desk: Desk, bad: Inbound, code: str
) -> None:
    with pytest.raises(NotTaken) as refused:
        await gate.take(bad)
    assert refused.value.code == code and bot.heard == []
    assert WORDS.error(code, "zh", most=1) and WORDS.error(code, "en", most=1)
    with pytest.raises(KeyError):
        desk.conversation("web:a")


async def test_a_very_long_message_is_stored_whole_and_understood_in_part(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    text = "长" * (UNDERSTOOD + 500)
    await gate.take(message(text))
    assert words_of(desk)[0] == ("resident", text)
    assert len(bot.texts[0] or "") == UNDERSTOOD
    assert bot.heard[0].metadata is not None and bot.heard[0].metadata["words"] == text


async def test_one_conversation_is_answered_in_order_and_others_meanwhile(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    bot.pause = 0.01
    turns = [gate.take(message(f"m{n}", f"r{n}", who)) for n in range(8) for who in ("web:a", "web:b", "web:c")]
    await asyncio.gather(*turns)
    assert bot.most_at_once == 3
    assert [t for t in bot.heard if t.sender_id == "web:a"] == sorted(
        (t for t in bot.heard if t.sender_id == "web:a"), key=lambda m: m.text or ""
    )
    replies = [text for author, text in words_of(desk) if author == "bot"]
    assert replies == [f"heard m{n}" for n in range(8)]


async def test_a_broken_bot_is_admitted_and_a_person_is_called(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    bot.broken = True
    replies = (await gate.take(message())).replies
    assert [m.text for m in replies] == [WORDS.reply("failed", "zh")]
    assert desk.conversation("web:a").holder == "waiting"
    assert words_of(desk)[0] == ("resident", "路灯不亮")


async def test_a_bot_that_says_nothing_counts_as_broken(gate: Gate, desk: Desk) -> None:
    replies = (await gate.take(message("silence"))).replies
    assert replies[0].text == WORDS.reply("failed", "zh") and desk.conversation("web:a").holder == "waiting"


async def test_while_a_person_holds_the_conversation_silence_is_right(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    await gate.take(message())
    desk.ask_for_person("web:a", "asked", "r1")
    assert await gate.take(message("还在吗", "r2")) == Answer([], "waiting")
    assert bot.heard[1].metadata is not None and bot.heard[1].metadata["holder"] == "waiting"
    assert desk.answered("web:a", "r2") == []


async def test_a_turn_goes_on_when_whoever_waits_for_it_goes_away(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    bot.pause = 0.05
    waiting = asyncio.ensure_future(gate.take(message()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await gate.finish()
    assert words_of(desk) == [("resident", "路灯不亮"), ("bot", "heard 路灯不亮")]


async def test_what_was_stored_before_a_kill_is_answered_at_the_next_start(
    tmp_path: Path, county: County, desk: Desk, bot: EchoBot
) -> None:
    killed = Gate(desk, "web", bot)
    for number in range(3):
        await killed.receive(message(f"m{number}", f"r{number}"))
    await killed.receive(message("m0", "r0", who="telegram:1:1"))
    desk = open_desk(tmp_path, county)
    reborn = Gate(desk, "web", bot)
    left = reborn.recover()
    later = asyncio.ensure_future(reborn.take(message("m3", "r3")))
    await asyncio.sleep(0.02)
    assert bot.heard == []
    reborn.open()
    await asyncio.gather(*(turn for _, turn in left), later)
    assert bot.texts == ["m0", "m1", "m2", "m3"]
    assert [m.text for m in desk.answered("web:a", "r1") or []] == ["heard m1"]
    assert desk.answered("telegram:1:1", "r0") is None
    assert Gate(desk, "web", bot).recover() == []


async def test_a_button_pressed_before_a_kill_is_still_that_button(gate: Gate, bot: EchoBot, desk: Desk) -> None:
    await gate.take(message("a button please"))
    killed = Gate(desk, "web", bot)
    await killed.receive(message("Yes, submit", "r2", payload="/affirm"))
    reborn = Gate(desk, "web", bot)
    left = reborn.recover()
    reborn.open()
    await asyncio.gather(*(turn for _, turn in left))
    assert bot.texts[1] == "/affirm"


async def test_a_photo_without_words_is_acknowledged_without_asking_the_bot(gate: Gate, bot: EchoBot) -> None:
    await gate.take(message("a button please"))
    replies = (await gate.take(message("", "r2", attachments=("p1",)))).replies
    assert replies[0].text == WORDS.reply("photo_kept", "zh")
    assert [b["payload"] for b in replies[0].buttons] == ["/affirm", "/deny"] and len(bot.heard) == 1


async def test_a_photo_with_words_is_acknowledged_and_answered(gate: Gate, bot: EchoBot) -> None:
    replies = (await gate.take(message("路面塌了", attachments=("p1",)))).replies
    assert [m.text for m in replies] == ["heard 路面塌了", WORDS.reply("photo_kept", "zh")]
    assert bot.heard[0].metadata is not None and bot.heard[0].metadata["attachments"] == ["p1"]


async def test_a_store_that_refuses_means_that_nothing_was_taken(gate: Gate, bot: EchoBot, tmp_path: Path) -> None:
    (tmp_path / "minhu.db").rename(tmp_path / "away.db")
    (tmp_path / "minhu.db").mkdir()
    gate._desk.store.engine.dispose()  # type: ignore[attr-defined]
    with pytest.raises(NotTaken) as refused:
        await gate.take(message())
    assert refused.value.code == "store_down" and bot.heard == []
