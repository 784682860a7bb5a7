"""Which text is the law on a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from knowledge.official_text import OfficialTextError
from knowledge.statutes import ANNOUNCED, IN_FORCE, REPEALED, UNCLEAR, Statutes
from tests.knowledge.conftest import TODAY


@pytest.mark.parametrize(
    ("law", "day", "status"),
    [
        ("民法典", TODAY, IN_FORCE),
        ("中华人民共和国民法典", TODAY, IN_FORCE),
        ("农村土地承包法", TODAY, IN_FORCE),
        ("治安管理处罚法", TODAY, IN_FORCE),
        ("生态环境法典", date(2026, 8, 14), ANNOUNCED),
        ("生态环境法典", date(2026, 8, 15), IN_FORCE),
        ("噪声污染防治法", date(2026, 8, 14), IN_FORCE),
        ("噪声污染防治法", date(2026, 8, 15), REPEALED),
        ("环境保护法", TODAY, REPEALED),
        ("社会救助法", TODAY, IN_FORCE),
        ("医疗保障法", TODAY, ANNOUNCED),
        ("医疗保障法", date(2027, 1, 1), IN_FORCE),
        ("注册会计师法", TODAY, UNCLEAR),
        ("人民发钱法", TODAY, None),
    ],
)
def test_a_law_applies_from_its_day_until_it_is_repealed(
    statutes: Statutes, law: str, day: date, status: str | None
) -> None:
    assert statutes.status(law, day) == status


def test_an_article_of_a_repealed_law_is_marked_as_not_in_force(statutes: Statutes) -> None:
    article = statutes.article("噪声污染防治法", 61, TODAY)
    assert article is not None and not article.in_force


def test_the_new_text_of_the_public_security_law_is_read_and_not_the_old_one(statutes: Statutes) -> None:
    assert "饲养动物" in str(statutes.article("治安管理处罚法", 89, TODAY))
    assert "殴打他人" in str(statutes.article("治安管理处罚法", 51, TODAY))


def test_an_amended_article_of_the_criminal_law_has_its_new_words(statutes: Statutes) -> None:
    article = statutes.article("刑法", 165, TODAY)
    assert article is not None and "董事、监事、高级管理人员" in article.text


def test_an_article_lost_in_the_one_before_is_found_again(statutes: Statutes) -> None:
    before, lost = (statutes.article("生态环境法典", number, TODAY) for number in (1119, 1120))
    assert lost is not None and lost.text.startswith("…")
    assert before is not None and lost.text.lstrip("…")[:20] not in before.text


def test_no_article_is_cited_from_an_amending_act(statutes: Statutes) -> None:
    assert not [a.law for a in statutes.in_force(TODAY) if "修正案（十" in a.law]


def test_an_official_text_that_is_imported_is_found_and_cited(tmp_path: Path) -> None:
    text = tmp_path / "办法.md"
    text.write_text(
        "# 某市小水库管理办法\n\n2026年3月2日公布\n\n# 第一章 总则\n\n**第一条** 为了管好小水库，制定本办法。\n\n"
        "**第二条** 小水库禁止炸鱼、毒鱼。\n\n第三条 本办法自2026年4月1日起施行。\n",
        encoding="utf-8",
    )
    assert Statutes.import_text(tmp_path, text) == 3
    own = Statutes.open(tmp_path)
    article = own.article("某市小水库管理办法", 2, TODAY)
    assert article is not None and article.in_force and article.text == "小水库禁止炸鱼、毒鱼。"
    assert article.effective == "2026-04-01"
    assert own.status("某市小水库管理办法", date(2026, 3, 31)) == ANNOUNCED


def test_a_file_that_is_no_official_text_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "letter.md"
    text.write_text("# 一封信\n\n你好。\n", encoding="utf-8")
    with pytest.raises(OfficialTextError, match=r"letter\.md"):
        Statutes.import_text(tmp_path, text)
