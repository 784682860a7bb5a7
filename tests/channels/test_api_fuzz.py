"""The whole interface, fed what its OpenAPI description allows and forbids: no 5xx, no surprise, no leak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fuzz import SECRET, fuzz, planted


def test_nothing_made_from_the_description_breaks_it_or_shows_another_clients_request(tmp_path: Path) -> None:
    with planted(tmp_path) as (running, number):
        theirs = running.own(running.second)[0]
        assert theirs["service_request_id"] == number and SECRET in theirs["status_notes"] + theirs["description"]
        told = fuzz(running, number, examples=8, seconds=40)
    assert not told.failures, "\n\n".join(told.failures[:5])
    assert told.leaks == 0
    assert not [status for status in told.statuses if status >= 500], told.statuses
    assert {200, 400, 403, 404, 405} <= set(told.statuses) and told.cases > 200 and told.filed > 0, told


def test_the_leak_check_would_see_a_leak(tmp_path: Path) -> None:
    """With the other client's own key everything that is looked for is there to be found."""
    with planted(tmp_path) as (running, number):
        running.first = running.second
        assert fuzz(running, number, examples=1, seconds=8).leaks > 0


@pytest.mark.parametrize("path", ["requests/{number}", "requests", "tokens/other-key"])
def test_the_planted_request_is_nobody_elses(tmp_path: Path, path: str) -> None:
    with planted(tmp_path) as (running, number):
        for form in ("json", "xml"):
            query = {"api_key": running.first, "service_request_id": number}
            answer = running.http.get(f"{path.format(number=number)}.{form}", params=query)
            assert SECRET not in answer.text and "1371234" not in answer.text
