"""Where this installation has its files, databases and ports, and how its stores are opened."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from commands.terminal import Stop, say

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
MODEL = MODELS / "minhu.tar.gz"
TRIAGE = MODELS / "triage.joblib"
SPACE_NEEDED = 500_000_000


def var() -> Path:
    """The folder of this installation's own files."""
    return Path(os.environ.get("MINHU_VAR", ROOT / "var")).resolve()


def city() -> Path:
    """The folder of the county."""
    return Path(os.environ.get("MINHU_CITY", ROOT / "city")).resolve()


def database_url() -> str:
    """SQLAlchemy URL of the case system."""
    return os.environ.get("MINHU_DATABASE_URL", f"sqlite:///{var() / 'minhu.db'}")


def dialogue_url() -> str:
    """SQLAlchemy URL of what the bot remembers."""
    return os.environ.get("MINHU_DIALOGUE_URL", f"sqlite:///{var() / 'dialogue.db'}")


def learnt_file() -> Path:
    """Where `minhu learn` keeps what it learnt; nlu/components/reading.py reads it too."""
    return var() / "learnt.joblib"


def port(name: str, default: int) -> int:
    """A port from the environment."""
    given = os.environ.get(name, str(default))
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise Stop(f"{name}={given} is not a port number (1 to 65535).")
    return int(given)


def bot_port() -> int:
    """Where residents chat."""
    return port("MINHU_BOT_PORT", 5005)


def console_port() -> int:
    """Where staff sign in."""
    return port("MINHU_CONSOLE_PORT", 8000)


def api_port() -> int:
    """Where other systems file."""
    return port("MINHU_API_PORT", 8001)


def settle_environment() -> None:
    """Every process of ours works in the project folder, offline, without telemetry and on the same paths."""
    os.chdir(ROOT)
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ["MINHU_VAR"] = str(var())
    os.environ["MINHU_CITY"] = str(city())
    os.environ["MINHU_DATABASE_URL"] = database_url()


def one_thread() -> None:
    """One message is too little work for scikit-learn to share out: its second thread would only spin."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def make_folders() -> None:
    """Raises Stop when the disk can't take what is to come."""
    try:
        for folder in (var(), MODELS):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise Stop(f"Can't write to {refused.filename}: {refused.strerror}.") from refused
    if shutil.disk_usage(var()).free < SPACE_NEEDED:
        raise Stop(f"The disk of {var()} has less than 500 MB left. Make room and start again.")


def open_store() -> Any:
    """The case system at its newest schema, with the county's staff. Returns the desk."""
    from cases.county import County, CountyError
    from cases.desk import Desk
    from cases.store import Store

    try:
        county = County.load(city())
    except CountyError as wrong:
        raise Stop(f"The county's files have an error: {wrong}") from wrong
    store = Store(database_url())
    store.migrate()
    desk = Desk(store, county)
    seal_old_rows(desk)
    desk.enrol(staff_password())
    return desk


def seal_old_rows(desk: Any) -> None:
    """What was stored before words were sealed is sealed now; nothing to do in an installation of today."""
    from cases.sealing import seal_clear

    if done := seal_clear(desk.store, desk.shield):
        say(f"{done} older rows sealed")


def staff_password() -> str:
    """The password that this installation made for its example staff; it lies in var/, readable by its owner only."""
    path = var() / "staff-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def present_store() -> Any:
    """The store of an installation that is there already. Raises Stop where there is none."""
    from cases.store import Store

    store = Store(database_url())
    if store.on_sqlite and not Path(store.engine.url.database or "").is_file():
        raise Stop(f"There is no database at {store.engine.url.database}.")
    store.migrate()
    return store


def live_knowledge() -> Any:
    """The guides and laws with what the county added."""
    from knowledge.live import Live
    from knowledge.shelf import Shelf

    make_folders()
    desk = open_store()
    return Live(var(), Shelf(desk.store), desk.county.blanks)
