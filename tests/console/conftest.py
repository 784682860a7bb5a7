"""A console over a desk on SQLite, with one case in hand, and browsers for every role."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store
from console import sign_in_page
from console.app import make_app
from console.knowledge_page import Knowledge
from tests.running import ROOT

PASSWORD = "a password of this test"
ROLES = ("operator", "unit", "adviser", "leader", "administrator")
TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Staff:
    """Somebody with a browser."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str) -> Any:
        return self.client.get(path, follow_redirects=False)

    def post(self, path: str, **fields: Any) -> Any:
        """A form as the page would send it, followed to the page after it."""
        token = TOKEN.search(self.client.get("/sign-in").text)
        assert token
        return self.client.post(path, data={"token": token.group(1), **fields})


@pytest.fixture(scope="module")
def county() -> County:
    return County.load(ROOT / "city")


@pytest.fixture
def desk(tmp_path: Path, county: County) -> Desk:
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    clock = lambda: datetime(2026, 11, 24, 2, 0, tzinfo=timezone.utc)  # noqa: E731
    made = Desk(store, county, clock, Shield("test secret"))
    made.enrol(PASSWORD)
    made.hear("web:1", "web", "路灯坏了<script>alert(1)</script>", "r1")
    return made


@pytest.fixture
def file(desk: Desk) -> Callable[..., Case]:
    """Files a case; every field may be set."""

    def make(key: str = "k", **more: Any) -> Case:
        known: dict[str, Any] = {
            "kind": "complaint", "words": ("路灯坏了<script>alert(1)</script>，第三次了",), "town": "430281004",
            "category": "urban.lamp", "contact": "13812345678", "place_said": "学校门口",
        }  # fmt: skip
        return desk.file(Matter("web:1", key, **{**known, **more}))

    return make


@pytest.fixture(scope="session")
def knowledge_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the knowledge of this session is indexed, once."""
    return tmp_path_factory.mktemp("knowledge")


@pytest.fixture
def app(
    desk: Desk, county: County, tmp_path: Path, knowledge_var: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:  # fmt: skip
    monkeypatch.setenv("MINHU_VAR", str(tmp_path))
    sign_in_page._failures.clear()
    made = make_app(desk, county, "session secret")
    made.state.knowledge = Knowledge(desk, county, knowledge_var)
    return made


@pytest.fixture
def visitor(app: Any) -> Staff:
    """A browser that is not signed in."""
    return Staff(TestClient(app))


@pytest.fixture
def staff(app: Any, county: County) -> Callable[..., Staff]:
    """Signs in a member of staff of a role, of a unit if one is given."""

    def sign_in(role: str, unit: str | None = None, login: str | None = None) -> Staff:
        if role == "adviser":
            login = login or county.advisers[0].login
        login = login or next(m.login for m in county.staff if m.role == role and unit in (None, m.unit))
        someone = Staff(TestClient(app))
        assert someone.post("/sign-in", login=login, password=PASSWORD).url.path == "/"
        return someone

    return sign_in
