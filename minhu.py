"""The commands of Minhu: prepare, run its processes, and work through old messages in batches."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent
MODELS = ROOT / "models"
MODEL = MODELS / "minhu.tar.gz"
TRIAGE = MODELS / "triage.joblib"
TAUGHT_BY = (
    "nlu",
    "e5",
    "city/categories.yml",
    "city/towns.csv",
    "city/villages.csv",
    "domain.yml",
    "config.yml",
    "uv.lock",
)
SPACE_NEEDED = 500_000_000
#: messages that are encoded together
TOGETHER = 32
LOGGED_EVERY = 500


class Stop(Exception):
    """Ends a command with one clear line for the person at the terminal."""


def var() -> Path:
    """The folder of this installation's own files."""
    return Path(os.environ.get("MINHU_VAR", ROOT / "var")).resolve()


def city() -> Path:
    """The folder of the county."""
    return Path(os.environ.get("MINHU_CITY", ROOT / "city")).resolve()


def database_url() -> str:
    """SQLAlchemy URL of the case system."""
    return os.environ.get("MINHU_DATABASE_URL", f"sqlite:///{var() / 'minhu.db'}")


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


def say(line: str) -> None:
    """One line of progress."""
    print(line, flush=True)


def settle_environment() -> None:
    """Every process of ours works in the project folder, offline, without telemetry and on the same paths."""
    os.chdir(ROOT)
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ["MINHU_VAR"] = str(var())
    os.environ["MINHU_CITY"] = str(city())
    os.environ["MINHU_DATABASE_URL"] = database_url()


# --- prepare -----------------------------------------------------------------------------------------------------


def prepare() -> None:
    """Brings an installation to where it can run; what is done already is not done again."""
    make_folders()
    open_store()
    train()
    index_knowledge()


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


def train(force: bool = False) -> None:
    """Trains what is not trained or no longer fits its examples."""
    mark, now = MODELS / "taught-by", fingerprint()
    if not force and MODEL.exists() and TRIAGE.exists() and mark.exists() and mark.read_text() == now:
        return
    say("Training the model (once, about four minutes) …")
    started, log = time.monotonic(), var() / "training.log"
    words = ["nlu.teach", str(city()), str(MODELS), MODEL.name.removesuffix(".tar.gz")]
    with log.open("w+b") as out:
        teaching = subprocess.Popen([sys.executable, "-W", "ignore", "-m", *words], cwd=ROOT, stdout=out, stderr=out)
        while teaching.poll() is None:
            time.sleep(0.2)
            if sys.stderr.isatty():
                print(f"\r  {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)
    if teaching.returncode != 0 or not MODEL.exists():
        raise Stop(f"Training failed; {log} tells why.")
    mark.write_text(now)
    say(f"  learnt in {time.monotonic() - started:.0f} s")


def fingerprint() -> str:
    """One hash over everything that the model is made from."""
    seen = hashlib.sha256()
    for part in TAUGHT_BY:
        path = ROOT / part if not part.startswith("city/") else city() / part.removeprefix("city/")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                seen.update(file.name.encode() + file.read_bytes())
    return seen.hexdigest()


def index_knowledge() -> None:
    """Builds the search index, or finds it built."""
    from knowledge.guides import GuideError
    from knowledge.library import Library
    from knowledge.passage_store import SearchUnavailable

    started = time.monotonic()
    try:
        Library.open(var())
    except GuideError as wrong:
        raise Stop(f"A guide has an error: {wrong}") from wrong
    except SearchUnavailable as wrong:
        raise Stop(str(wrong)) from wrong
    if time.monotonic() - started > 5:
        say(f"Knowledge indexed, {time.monotonic() - started:.0f} s")


# --- the processes -----------------------------------------------------------------------------------------------


def run(_: argparse.Namespace) -> int:
    """Prepares and starts every process; Ctrl-C ends them all."""
    for name, number in (
        ("residents' chat", bot_port()),
        ("staff console", console_port()),
        ("interface", api_port()),
    ):
        refuse_taken(name, number)
    prepared = subprocess.run([sys.executable, str(ROOT / "minhu.py"), "prepare"], check=False)
    if prepared.returncode:
        return prepared.returncode
    from honcho.manager import Manager

    manager = Manager()
    for name in ("bot", "console", "api", "relay", "address"):
        manager.add_process(name, f"exec {sys.executable} -W ignore {ROOT / 'minhu.py'} {name}", cwd=str(ROOT))
    manager.loop()
    return 0 if manager.returncode in (130, 143, -2, -15) else int(manager.returncode or 0)


def refuse_taken(name: str, number: int) -> None:
    """Raises Stop when somebody else listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as taken:
            ports = {bot_port(): "MINHU_BOT_PORT", console_port(): "MINHU_CONSOLE_PORT"}
            variable = ports.get(number, "MINHU_API_PORT")
            raise Stop(f"Port {number} for the {name} is taken. Free it, or set {variable} to another.") from taken


def one_thread() -> None:
    """One message is too little work for scikit-learn to share out: its second thread would only spin."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def bot(_: argparse.Namespace) -> int:
    """Serves residents: Rasa with our turns and channels, in one process."""
    import asyncio
    import logging
    import warnings

    one_thread()
    from nlu.lean import without_tensorflow

    without_tensorflow()
    import sanic  # noqa: F401 - it switches on the deprecation warnings of all that is imported after it

    warnings.simplefilter("ignore")
    from rasa.core.run import configure_app, create_http_input_channels
    from rasa.utils.log_utils import configure_structlog

    from actions.office import office
    from nlu.dialogue_store import DialogueStore
    from nlu.engine import load_bot
    from nlu.facts import warm as warm_facts

    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    for talkative in ("rasa", "rasa_sdk", "sanic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    configure_structlog(logging.WARNING)
    channels = create_http_input_channels(None, "credentials.yml")
    app = configure_app(channels, enable_api=False, route="/", port=bot_port())

    office()  # read before the first resident comes
    warm_facts()

    async def start(running: Any, loop: asyncio.AbstractEventLoop) -> None:
        running.ctx.agent = load_bot(MODEL, DialogueStore(None, dialogue_url()))

    app.register_listener(start, "before_server_start")
    app.run(host=os.environ.get("MINHU_HOST", "127.0.0.1"), port=bot_port(), workers=1, access_log=False, motd=False)
    return 0


def console(_: argparse.Namespace) -> int:
    """Serves staff."""
    import uvicorn

    from console.app import make_app

    host = os.environ.get("MINHU_HOST", "127.0.0.1")
    uvicorn.run(make_app(), host=host, port=console_port(), ws="none", log_level="warning", access_log=False)
    return 0


def api(_: argparse.Namespace) -> int:
    """Serves other systems: Open311 GeoReport v2, and the statuses of a webhook outside."""
    import uvicorn

    from cases.outside import SettingsError
    from channels.api import make_app
    from nlu.dangers import danger

    try:
        app = make_app(danger=danger)
    except SettingsError as wrong:
        raise Stop(str(wrong)) from wrong
    host = os.environ.get("MINHU_HOST", "127.0.0.1")
    uvicorn.run(app, host=host, port=api_port(), ws="none", log_level="warning", access_log=False)
    return 0


def api_key(given: argparse.Namespace) -> int:
    """Makes a key for a system that files over Open311 and prints it once; only its hash is kept."""
    from channels.api_keys import KEYS, ApiKeys

    make_folders()
    try:
        say(ApiKeys(var() / KEYS).make(given.name, given.scope))
    except (ValueError, OSError) as wrong:
        raise Stop(str(wrong)) from wrong
    return 0


def relay(_: argparse.Namespace) -> int:
    """Delivers what waits in the outbox until it is stopped."""
    from cases.county import County
    from cases.desk import Desk
    from cases.relay import Relay
    from cases.searching import CaseIndex
    from cases.store import Store
    from cases.stored_reports import due_reports
    from cases.worker import Worker
    from channels.push import deliver

    desk = Desk(Store(database_url()), County.load(city()))
    outside = open_handovers(desk)
    # neither a slow system outside nor a large index may keep residents waiting for their notices
    workers = [Worker("search", CaseIndex(desk.store).take_in)]
    if outside is not None:
        workers.append(Worker("handovers", outside.work))
    for worker in workers:
        worker.start()
    chores = (desk.watch, lambda: due_reports(desk.store, desk.county))
    Relay(desk.store, deliver, outside.take if outside else None).run(chores=chores)
    for worker in workers:
        worker.finish()
    return 0


def open_handovers(desk: Any) -> Any:
    """Hand-overs to the case system outside that the environment names; None when there is none."""
    from cases.county import CountyError
    from cases.handovers import Handovers
    from cases.outside import Settings, SettingsError, open_system

    try:
        settings = Settings.from_environment()
        system = open_system(settings, city())
    except (SettingsError, CountyError) as wrong:
        raise Stop(str(wrong)) from wrong
    if system is None:
        return None
    say(f"Cases go to {settings.url} ({settings.system}{', staging: this machine only' if settings.staging else ''})")
    return Handovers(desk, system, moved=desk.outside, tries=settings.tries)


def index(_: argparse.Namespace) -> int:
    """Learns the statutes by meaning, at low priority; searches are by words until then, and better as it goes on."""
    from knowledge.library import Library

    os.nice(19)
    told = 0

    def progress(done: int, of: int) -> None:
        nonlocal told
        if done == of or 10 * done // of > told:
            told = 10 * done // of
            say(f"Statutes learnt by meaning: {done} of {of}")

    Library.open(var()).learn(progress)
    return 0


def address(_: argparse.Namespace) -> int:
    """Waits until the pages answer, tells where they are, then sees to what may be learnt in the background."""
    import httpx

    chat, desk = f"http://localhost:{bot_port()}/", f"http://localhost:{console_port()}/"
    interface = f"http://localhost:{api_port()}/open311/v2/discovery.json"
    waiting = {chat, desk}
    while waiting:
        for page in list(waiting):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(page, follow_redirects=True, timeout=5).status_code == 200:
                    waiting.discard(page)
        time.sleep(0.5)
    for line in (
        "",
        f"Residents chat at    {chat}",
        f"Staff sign in at     {desk}",
        f"Other systems at     {interface}   (keys: minhu api-key NAME)",
        f"Staff password       {staff_password()}   (logins: city/staff.csv, city/advisers.csv)",
        "Ctrl-C ends everything.",
        "",
    ):
        say(line)
    subprocess.run([sys.executable, str(ROOT / "minhu.py"), "index"], check=False)
    while True:
        time.sleep(3600)


# --- keys --------------------------------------------------------------------------------------------------------


def sealed_stores() -> list[Any]:
    """The databases with something sealed in them: the case system, and what the bot remembers of dialogues."""
    import sqlalchemy as sa

    from cases.store import Store

    dialogue = os.environ.get("MINHU_DIALOGUE_URL", f"sqlite:///{var() / 'dialogue.db'}")
    made = sa.engine.make_url(dialogue)
    there = made.get_backend_name() != "sqlite" or Path(made.database or "").exists()
    return [Store(url) for url in dict.fromkeys([database_url(), *([dialogue] if there else [])])]


def key_rotate(_: argparse.Namespace) -> int:
    """Makes a new key, seals everything with it and drops the old one; may be killed and run again."""
    from filelock import Timeout

    from cases.conversations import now_utc
    from cases.sealing import note_rotation, reseal, rotate
    from cases.shield import Shield, key_file

    stores = sealed_stores()
    if not os.environ.get("MINHU_SECRET_KEY"):
        Shield.of_this_installation()
        try:
            say(f"{rotate(stores, key_file(), now_utc)} rows resealed; {key_file()} holds the new key alone.")
        except Timeout as busy:
            raise Stop("Another rotation is running.") from busy
        say("Backups made before need the key from before.")
        return 0
    shield = Shield.of_this_installation()
    if shield.keys == 1:
        raise Stop(
            "Put a new key before the old one in MINHU_SECRET_KEY (new,old), restart every process, run this again."
        )
    done = reseal(stores, shield)
    note_rotation(stores[0], now_utc(), done)
    say(f"{done} rows resealed with the first key; once `minhu key check` agrees, take the others out.")
    return 0


def key_check(_: argparse.Namespace) -> int:
    """How many texts each key sealed; status 1 if some are in the clear or no key opens them."""
    from collections import Counter

    from cases.sealing import count
    from cases.shield import Shield

    told = count(sealed_stores(), Shield.of_this_installation())
    names = {-1: "in the clear", None: "no key here opens them", 0: "newest key"}
    total: Counter[int | None] = sum(told.values(), Counter())
    for column, numbers in told.items():
        for number, rows in numbers.items():
            say(f"{column:32} {rows:8}  {names.get(number, f'key {(number or 0) + 1}')}")
    say(f"{sum(total.values())} texts; {'only the newest key is needed' if set(total) <= {0} else 'keep every key'}")
    return 1 if total[-1] or total[None] else 0


# --- batches -----------------------------------------------------------------------------------------------------


def lines_of(file: str | None) -> Iterable[str]:
    """The lines of a file, or of standard input for `-` or nothing. Raises Stop if it can't be read."""
    if file in (None, "-"):
        return sys.stdin
    try:
        return open(file, encoding="utf-8", errors="replace")
    except OSError as refused:
        raise Stop(f"Can't read {file}: {refused.strerror}.") from refused


Rows = list[dict[str, Any]]


def batch(lines: Iterable[str], work: Callable[[Rows], Iterable[dict[str, Any]]], out: TextIO, size: int = 1) -> int:
    """One answer a line, in order; a bad line gets an error object in its place. Returns the exit status.

    `work` gets up to `size` good rows at a time and gives as many answers.
    """
    bad, left = 0, iter(enumerate(lines, 1))
    while part := list(islice(left, size)):
        bad += answer_part([(number, line) for number, line in part if line.strip()], work, out)
        progress(part[-1][0])
    return 1 if bad else 0


def answer_part(part: list[tuple[int, str]], work: Callable[[Rows], Iterable[dict[str, Any]]], out: TextIO) -> int:
    """Writes the answers to some lines; returns how many were bad."""
    rows: dict[int, dict[str, Any]] = {}
    errors: dict[int, dict[str, Any]] = {}
    for number, line in part:
        try:
            rows[number] = read_row(line)
        except ValueError as wrong:
            errors[number] = {"error": str(wrong), "line": number}
    answers = errors | dict(zip(rows, work(list(rows.values())), strict=True))
    for number, _ in part:
        out.write(json.dumps(answers[number], ensure_ascii=False) + "\n")
    out.flush()
    return len(errors)


def read_row(line: str) -> dict[str, Any]:
    """A row with at least `id` and a non-empty text. Raises ValueError with what is wrong."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"not JSON: {wrong.msg} at column {wrong.colno}") from wrong
    if not isinstance(row, dict) or "id" not in row:
        raise ValueError("not an object with an id")
    if not isinstance(row.get("text"), str) or not (row["text"] + str(row.get("title") or "")).strip():
        raise ValueError(f"{row['id']}: text is missing or empty")
    if row.get("title") is not None and not isinstance(row["title"], str):
        raise ValueError(f"{row['id']}: title is not a string")
    return row


def progress(number: int) -> None:
    """A count on standard error, for a person who waits or reads the log."""
    if sys.stderr.isatty():
        print(f"\r{number}", end="", file=sys.stderr, flush=True)
    elif number % LOGGED_EVERY == 0:
        print(f"{number} read", file=sys.stderr, flush=True)


def triage(given: argparse.Namespace) -> int:
    """Free text in, structured matters out."""
    one_thread()
    from cases.county import County
    from nlu.triage import Reader, to_row

    prepare_models()
    reader, county = Reader.load(city(), TRIAGE, learnt_file()), County.load(city())

    def work(rows: Rows) -> Iterable[dict[str, Any]]:
        read = reader.read_many((row["text"], row.get("title")) for row in rows)
        return ({"id": row["id"], **to_row(reading, county)} for row, reading in zip(rows, read, strict=True))

    return batch(lines_of(given.file), work, sys.stdout, size=1 if sys.stdin.isatty() and not given.file else TOGETHER)


def learnt_file() -> Path:
    """Where `minhu learn` keeps what it learnt; nlu/components/reading.py reads it too."""
    return var() / "learnt.joblib"


def learn(given: argparse.Namespace) -> int:
    """Learns classes from the county's old work orders (CSV or JSON lines); keeps it only if it reads better."""
    from cases.county import County
    from nlu import history
    from nlu.triage import Reader

    prepare_models()
    if given.undo:
        say("undone" if history.undo(learnt_file()) else "nothing was learnt, so there is nothing to undo")
        return 0
    if not given.file:
        raise Stop("Which file? minhu learn HISTORY.csv")
    try:
        orders, unknown = history.read_history(Path(given.file), County.load(city()))
        report = history.learn(orders, unknown, Reader.load(city(), TRIAGE, learnt_file()), learnt_file())
    except history.HistoryError as wrong:
        raise Stop(str(wrong)) from wrong
    for label, number in report.unknown.items():
        say(f"left out: {number} of class {label!r}, which city/ doesn't know")
    say(f"{report.orders} work orders, {report.held} of them held back to try it on")
    say(f"{'':<12}{'before':>8}{'after':>8}")
    for name in ("accuracy", "macro_f1"):
        say(f"{name:<12}{getattr(report.before, name):>8.3f}{getattr(report.after, name):>8.3f}")
    say("kept; `minhu learn --undo` goes back" if report.kept else "not better, so nothing was changed")
    return 0


def lookup(given: argparse.Namespace) -> int:
    """Questions in, answers with their sources out."""
    from knowledge.library import to_row

    library = live_knowledge().library

    def work(rows: Rows) -> Iterable[dict[str, Any]]:
        return ({"id": row["id"], **to_row(library.lookup(row["text"], given.top))} for row in rows)

    return batch(lines_of(given.file), work, sys.stdout)


def live_knowledge() -> Any:
    """The guides and laws with what the county added."""
    from knowledge.live import Live
    from knowledge.shelf import Shelf

    make_folders()
    desk = open_store()
    return Live(var(), Shelf(desk.store), desk.county.blanks)


def knowledge_check(given: argparse.Namespace) -> int:
    """Every citation, number and date of the shipped guides, and of the county's own answers."""
    from knowledge import check as shipped
    from knowledge.editing import Editor
    from knowledge.live import COUNTY

    status = shipped.main(given.words)
    own = [(guide, found) for guide, found in Editor(live_knowledge()).due() if guide.path == COUNTY]
    for guide, found in own:
        say(f"{guide.code}: {'; '.join(fault.told('en') for fault in found)}")
    return 1 if own else status


def knowledge_import(given: argparse.Namespace) -> int:
    """Takes in official texts (Markdown, txt, docx, JSON lines); running processes use them within seconds."""
    from knowledge.official_text import OfficialTextError
    from knowledge.statutes import Statutes

    make_folders()
    for file in given.files:
        try:
            say(f"{file}: {Statutes.import_text(var(), Path(file))} articles")
        except (OfficialTextError, OSError) as wrong:
            raise Stop(str(wrong)) from wrong
    return 0


def knowledge_export(given: argparse.Namespace) -> int:
    """Writes all answers into a table for a spreadsheet."""
    from knowledge import table
    from knowledge.editing import Editor

    path = Path(given.file)
    path.write_bytes(table.export(Editor(live_knowledge()), path.suffix.lstrip(".").lower()))
    say(f"written: {path}")
    return 0


def knowledge_load(given: argparse.Namespace) -> int:
    """Puts the rows of a table that differ from what is in use up for signing; any bad row stops all."""
    from knowledge import table
    from knowledge.editing import Editor, EditRefused

    try:
        taken = table.take_in(Editor(live_knowledge()), table.read(Path(given.file).read_bytes()), given.author)
    except OSError as wrong:
        raise Stop(str(wrong)) from wrong
    except EditRefused as refused:
        raise Stop("\n  ".join(["nothing was taken in:", *(fault.told("en") for fault in refused.faults)])) from refused
    say(f"{len(taken)} waiting for a second person in the console")
    return 0


def registry_import(given: argparse.Namespace) -> int:
    """Takes a table of the registry in, all or nothing; `--dry-run` only counts."""
    from cases import registry_table
    from cases.desk import Refused
    from cases.registry import Registry
    from cases.registry_form import RegistryRefused

    make_folders()
    desk = open_store()
    registry = Registry(desk.store, desk.county, desk.clock)
    try:
        content = Path(given.file).read_bytes()
        counts = registry_table.take_in(registry, content, by=given.author, dry_run=given.dry_run)
    except OSError as wrong:
        raise Stop(f"Can't read {given.file}: {wrong.strerror}.") from wrong
    except RegistryRefused as refused:
        raise Stop("\n  ".join(["nothing was taken in:", *(fault.told("en") for fault in refused.faults)])) from refused
    except Refused as refused:
        raise Stop("nothing was taken in: an entry was changed meanwhile, try again") from refused
    say(f"new {counts.new}, changed {counts.changed}, same {counts.same}{' (dry run)' if given.dry_run else ''}")
    return 0


def registry_export(given: argparse.Namespace) -> int:
    """Writes the registry, without persons, into a table for a spreadsheet."""
    from cases import registry_table
    from cases.registry import Registry

    path = Path(given.file)
    if (ending := path.suffix.lstrip(".").lower()) not in (registry_table.CSV, registry_table.XLSX):
        raise Stop(f"{path} must end in .csv or .xlsx")
    make_folders()
    desk = open_store()
    path.write_bytes(registry_table.export(Registry(desk.store, desk.county, desk.clock), ending))
    say(f"written: {path}")
    return 0


def report(given: argparse.Namespace) -> int:
    """The figures of a day, week or month by unit, and as xlsx; stored once the period is over."""
    from datetime import date

    from cases import stored_reports
    from cases.report_book import workbook
    from cases.report_table import ReportWords, rows, written

    make_folders()
    desk, words = open_store(), ReportWords.load()
    now = desk.clock()
    try:
        day = date.fromisoformat(given.date) if given.date else stored_reports.last_over(desk.county, given.part, now)
        found = stored_reports.keep_report(desk.store, desk.county, given.part, day, now)
    except ValueError as wrong:
        raise Stop(f"--date {given.date}: {wrong}") from wrong
    lines = rows(found, desk.county, "units", given.language, words, page_only=True)
    begins = f"{found.start.astimezone(desk.county.zone):%Y-%m-%d}"
    say("\t".join([begins, *(cell.figure.name[given.language] for cell in lines[0].cells)]))
    for line in lines:
        say("\t".join([line.name, *(written(cell) for cell in line.cells)]))
    if given.out:
        try:
            Path(given.out).write_bytes(workbook(found, desk.county, given.part))
        except OSError as refused:
            raise Stop(f"Can't write {given.out}: {refused.strerror}.") from refused
        say(f"written: {given.out}")
    return 0


def report_check(_: argparse.Namespace) -> int:
    """Computes every stored report anew and tells what differs."""
    from cases.stored_reports import check_reports

    make_folders()
    desk, differing = open_store(), 0
    for found in check_reports(desk.store, desk.county):
        differing += 1
        where = " ".join(part for part in (found.view, found.code, found.count) if part)
        numbers = f": stored {found.stored}, now {found.now}" if found.count else " differ, the figures do not"
        say(f"{found.period} {found.start.astimezone(desk.county.zone):%Y-%m-%d} {where}{numbers}")
    say(f"{differing} differences" if differing else "every stored report comes out the same")
    return 1 if differing else 0


def prepare_models() -> None:
    """A batch may be the first thing that is run here; its own words go to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        make_folders()
        train()


def replay(given: argparse.Namespace) -> int:
    """Old messages become residents who write them into the running web channel."""
    from channels.replay import replay_all

    rows = [read_row(line) for line in lines_of(given.file) if line.strip()]
    return replay_all(rows, given.url or f"http://127.0.0.1:{bot_port()}", at_once=given.at_once, out=sys.stdout)


def prepare_command(_: argparse.Namespace) -> int:
    """Everything that `run` needs, without running it."""
    prepare()
    return 0


def train_command(_: argparse.Namespace) -> int:
    """Trains anew, whatever is there."""
    make_folders()
    train(force=True)
    return 0


def check(_: argparse.Namespace) -> int:
    """Lint, types, layers, dialogue data, knowledge: each is run, whatever the others say."""
    make_folders()
    here = Path(sys.executable).parent
    checks: dict[str, list[Any]] = {
        "ruff": [here / "ruff", "check", "."],
        "format": [here / "ruff", "format", "--check", "."],
        "mypy": [here / "mypy", "minhu.py", "actions", "cases", "channels", "console", "e5", "knowledge", "nlu"],
        "layers": [here / "lint-imports"],
        "dialogue": [sys.executable, "-m", "rasa", "data", "validate", "--data", "nlu", "--fail-on-warnings"],
        "knowledge": [sys.executable, "-m", "knowledge.check"],
    }
    failed = [name for name, words in checks.items() if subprocess.run(list(map(str, words)), cwd=ROOT).returncode]
    say(f"checks failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


# --- residents' rights, and what keeps an installation safe --------------------------------------------------------


def dialogue_url() -> str:
    """SQLAlchemy URL of what the bot remembers."""
    return os.environ.get("MINHU_DIALOGUE_URL", f"sqlite:///{var() / 'dialogue.db'}")


def present_store() -> Any:
    """The store of an installation that is there already. Raises Stop where there is none."""
    from cases.store import Store

    store = Store(database_url())
    if store.on_sqlite and not Path(store.engine.url.database or "").is_file():
        raise Stop(f"There is no database at {store.engine.url.database}.")
    store.migrate()
    return store


def open_residents() -> Any:
    """Residents with everything that is kept of them, wherever it lies."""
    from cases.attachments import Attachments
    from cases.dialogues import Dialogues
    from cases.residents import Residents
    from cases.shield import Shield

    store, folder = present_store(), Attachments(var() / "attachments")
    has_key = os.environ.get("MINHU_SECRET_KEY") or (var() / "contacts.key").exists()
    # where the key has not been put back yet, none is made: one that opens nothing does
    shield = Shield.of_this_installation() if has_key else Shield(secrets.token_urlsafe())
    return Residents(store, folder, Dialogues(dialogue_url(), shield), shield)


def at_terminal() -> str:
    """Who the audit log names for what is done here."""
    return f"terminal:{getpass.getuser()}"


def tell(counts: dict[str, int]) -> None:
    """Counts by table."""
    for table, number in sorted(counts.items()):
        say(f"  {table:<22}{number:>9}")


def residents_export(given: argparse.Namespace) -> int:
    """Writes everything kept about one resident into a zip file; that it was asked for is in the audit log."""
    from cases.errors import NotFound, Refused

    residents = open_residents()
    try:
        found = residents.conversation_of(given.who)
        say(str(residents.export(found, Path(given.into), actor=at_terminal(), reason=given.reason)))
    except NotFound as unknown:
        raise Stop(f"There is no resident or case {given.who}.") from unknown
    except Refused as refused:
        raise Stop(refused.code) from refused
    except PermissionError as wrong_key:
        raise Stop(f"{wrong_key}. Put this installation's own key back first.") from wrong_key
    return 0


def residents_erase(given: argparse.Namespace) -> int:
    """Forgets one resident; without --yes it only shows what would go. Numbers, categories, dates and units stay."""
    from cases.audit import Tampered
    from cases.errors import NotFound, Refused

    residents = open_residents()
    try:
        found = residents.conversation_of(given.who)
        told = {"actor": at_terminal(), "reason": given.reason, "dry_run": not given.yes, "force": given.force}
        erased = residents.erase(found, **told)
    except NotFound as unknown:
        raise Stop(f"There is no resident or case {given.who}.") from unknown
    except Tampered as tampered:
        raise Stop(f"{tampered}; nothing was erased. See `minhu audit verify`.") from tampered
    except Refused as refused:
        open_or_held = "; withdraw the cases or give the conversation back first, or add --force"
        raise Stop(refused.code + (open_or_held if refused.code != "reason_missing" else "")) from refused
    say("erased:" if given.yes else "would be erased (add --yes):")
    tell(erased.counts)
    if erased.open_cases:
        how = "they go on without a person" if given.yes else "needs --force"
        say(f"still open, {how}: {' '.join(erased.open_cases)}")
    if erased.held:
        say("a person speaks with this resident" + ("" if given.yes else ": needs --force"))
    if erased.handed_over:
        say("another system has these cases, too, or may have them; have them erased there:")
    for way in erased.handed_over:
        say(f"  {way.number} in {way.system} as {way.their_id or way.token or way.idempotency_key} ({way.state})")
    if erased.filed_by:
        say(f"the system {erased.filed_by} filed for this resident and has what it filed; have it erased there, too")
    return 0


def retention(given: argparse.Namespace) -> int:
    """Removes what tells of persons and is older than city/retention.yml allows; nothing that is open."""
    from cases.county import County, CountyError
    from cases.retention import Periods, Retention

    try:
        periods = Periods.load(city(), County.load(city()))
    except CountyError as wrong:
        raise Stop(f"The county's files have an error: {wrong}") from wrong
    done = Retention(open_residents(), periods).apply(at_terminal(), dry_run=given.dry_run)
    say(("would be removed:" if given.dry_run else "removed:") if done else "nothing is old enough")
    tell(done)
    return 0


def audit_verify(given: argparse.Namespace) -> int:
    """Looks at every entry of the audit log; status 1 where one was changed, removed or cut off the end."""
    from cases import audit

    with present_store().read() as read:
        chain = audit.check(read, given.head)
    say(f"{chain.entries} entries, {chain.withheld} of them without the person, who was erased; head {chain.head}")
    if chain.broken:
        say(f"BROKEN at entry {chain.broken.id} of {chain.broken.at.isoformat()}: it, or one before it, was changed")
    elif chain.anchored is False:
        say(f"CUT OFF: no entry has the hash {given.head}")
    return 1 if chain.broken or chain.anchored is False else 0


def audit_head(_: argparse.Namespace) -> int:
    """Prints the hash of the newest entry; kept elsewhere, it shows later that none was cut off: verify --head HASH."""
    from cases import audit

    with present_store().read() as read:
        say(audit.head(read))
    return 0


def holdings() -> Any:
    """What a backup holds. Whatever can be made again (models, index) is left out, and every key.

    Of the keys of other systems only hashes are kept, so these are in it.
    """
    from cases.backup import Holdings

    urls = {"cases": database_url(), "dialogue": dialogue_url(), "statutes": f"sqlite:///{var() / 'statutes.db'}"}
    if urls["dialogue"] == urls["cases"]:
        del urls["dialogue"]
    files = (learnt_file(), learnt_file().with_suffix(".previous"), var() / "apikeys.csv")
    return Holdings(
        urls, {"attachments": var() / "attachments"}, {file.name: file for file in files}, frozenset({"cases"})
    )


def tell_report(done: Any) -> None:
    """What a backup holds."""
    for name, tables in done.tables.items():
        say(f"{name}:")
        tell(tables)
    say(f"{done.files} files, {done.size / 2**20:.1f} MiB")


def backup(given: argparse.Namespace) -> int:
    """Copies databases, attachments and what was learnt into FOLDER while the system runs; no keys."""
    from datetime import datetime, timezone

    from cases.backup import BackupError
    from cases.backup import backup as copy

    try:
        tell_report(copy(holdings(), Path(given.folder), datetime.now(timezone.utc)))
    except BackupError as refused:
        raise Stop(str(refused)) from refused
    keys = (path for path in (*var().glob("*.key*"), *var().glob("staff-password")) if path.suffix != ".lock")
    kept_apart = sorted(path.name for path in keys)
    given_key = ["MINHU_SECRET_KEY"] if os.environ.get("MINHU_SECRET_KEY") else []
    say(f"NOT in this backup, keep these apart and safe: {', '.join([*kept_apart, *given_key]) or 'no key yet'}")
    say(f"Without the key of the contacts nobody can read them again. Not in it either: the county's folder {city()}")
    return 0


def restore(given: argparse.Namespace) -> int:
    """Brings a backup back after checking all of it, then compares counts and hashes; status 1 where they differ."""
    from cases.backup import BackupError
    from cases.backup import restore as bring_back

    try:
        done = bring_back(holdings(), Path(given.folder), replace=given.replace)
    except BackupError as refused:
        raise Stop(str(refused)) from refused
    say(f"The backup of {done.made_at} is back:")
    tell_report(done)
    for name in done.differing:
        say(f"DIFFERS: {name}")
    say("Not as backed up. Is something running? Stop it and restore again." if done.differing else
        "Every count and every hash is as backed up.")  # fmt: skip
    say("Put the keys back before anything starts. Residents erased since then are back: erase them again.")
    return 1 if done.differing else 0


# --- the command line ----------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="minhu", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    plain: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": run, "prepare": prepare_command, "train": train_command, "check": check,
        "bot": bot, "console": console, "api": api, "relay": relay, "address": address, "index": index,
    }  # fmt: skip
    for name, command in plain.items():
        commands.add_parser(name, help=command.__doc__).set_defaults(run=command)
    sub = commands.add_parser("api-key", help=api_key.__doc__)
    sub.add_argument("name", help="of the other system: small letters, digits and hyphens")
    sub.add_argument("--scope", default="file", choices=("file", "read"), help="file and read its own, or only read")
    sub.set_defaults(run=api_key)
    knowledge = commands.add_parser("knowledge", help="Check, import, export and load what the bot may say.")
    parts = knowledge.add_subparsers(dest="part", required=True)
    sub = parts.add_parser("check", help=knowledge_check.__doc__)
    sub.add_argument("words", nargs="*", help="only faults with these words")
    sub.set_defaults(run=knowledge_check)
    sub = parts.add_parser("import", help=knowledge_import.__doc__)
    sub.add_argument("files", nargs="+")
    sub.set_defaults(run=knowledge_import)
    sub = parts.add_parser("export", help=knowledge_export.__doc__)
    sub.add_argument("file", help="a name ending in .csv or .xlsx")
    sub.set_defaults(run=knowledge_export)
    sub = parts.add_parser("load", help=knowledge_load.__doc__)
    sub.add_argument("file", help="a table as `export` writes it")
    sub.add_argument("--author", default="table", help="whose work it is; somebody else has to sign it")
    sub.set_defaults(run=knowledge_load)
    parts = commands.add_parser("registry", help="Import and export what cases point to.").add_subparsers(required=True)
    sub = parts.add_parser("import", help=registry_import.__doc__)
    sub.add_argument("file", help="a CSV or xlsx table; city/registry.csv is an example")
    sub.add_argument("--dry-run", action="store_true", help="only count what is new, changed, the same")
    sub.add_argument("--author", default="table", help="whose work it is, for the audit log")
    sub.set_defaults(run=registry_import)
    sub = parts.add_parser("export", help=registry_export.__doc__)
    sub.add_argument("file", help="a name ending in .csv or .xlsx")
    sub.set_defaults(run=registry_export)
    key = commands.add_parser("key", help="The keys that seal who complained.").add_subparsers(
        dest="part", required=True
    )
    key.add_parser("rotate", help=key_rotate.__doc__).set_defaults(run=key_rotate)
    key.add_parser("check", help=key_check.__doc__).set_defaults(run=key_check)
    sub = commands.add_parser("report", help="Figures of a period, and whether stored ones still come out the same.")
    periods = sub.add_subparsers(dest="part", required=True)
    for period in ("daily", "weekly", "monthly"):
        sub = periods.add_parser(period, help=report.__doc__)
        sub.add_argument("--date", help="any day of the period as 2026-11-30 (default: the last one that is over)")
        sub.add_argument("--out", metavar="FILE.xlsx", help="also as a workbook")
        sub.add_argument("--language", choices=("zh", "en"), default="zh")
        sub.set_defaults(run=report)
    periods.add_parser("check", help=report_check.__doc__).set_defaults(run=report_check)
    sub = commands.add_parser("learn", help=learn.__doc__)
    sub.add_argument("file", nargs="?", help="old work orders: CSV with a header, or JSON lines")
    sub.add_argument("--undo", action="store_true", help="go back to what was learnt before")
    sub.set_defaults(run=learn)
    for name, command in {"triage": triage, "lookup": lookup, "replay": replay}.items():
        sub = commands.add_parser(name, help=command.__doc__)
        sub.add_argument("file", nargs="?", help="JSON lines; - or nothing: standard input")
        sub.set_defaults(run=command)
        if name == "lookup":
            sub.add_argument("--top", type=int, default=10, help="how many sources a question gets")
        if name == "replay":
            sub.add_argument("--url", help="where residents chat (default: this installation)")
            sub.add_argument("--at-once", type=int, default=8, help="residents at the same time")
    add_safekeeping(commands)
    return top


def add_safekeeping(commands: Any) -> None:
    """The commands for residents' rights, retention, audit, backup."""
    rights = commands.add_parser("residents", help="All that is kept of a resident, to be handed out or forgotten.")
    parts = rights.add_subparsers(dest="part", required=True)
    for name, command in {"export": residents_export, "erase": residents_erase}.items():
        sub = parts.add_parser(name, help=command.__doc__)
        sub.add_argument("who", help="a conversation id, or the number of a case they filed")
        sub.add_argument("--reason", required=True, help="why, for the audit log")
        sub.set_defaults(run=command)
        if name == "export":
            sub.add_argument("--into", default=".", help="folder for the zip file")
        else:
            sub.add_argument("--yes", action="store_true", help="do it, instead of showing what would go")
            sub.add_argument("--force", action="store_true", help="even with a case open or a person speaking")
    sub = commands.add_parser("retention", help=retention.__doc__)
    sub.add_argument("--dry-run", action="store_true", help="only show what would go")
    sub.set_defaults(run=retention)
    log = commands.add_parser("audit", help="The log of who saw and did what.")
    parts = log.add_subparsers(dest="part", required=True)
    sub = parts.add_parser("verify", help=audit_verify.__doc__)
    sub.add_argument("--head", help="a hash that `audit head` printed once")
    sub.set_defaults(run=audit_verify)
    parts.add_parser("head", help=audit_head.__doc__).set_defaults(run=audit_head)
    sub = commands.add_parser("backup", help=backup.__doc__)
    sub.add_argument("folder", help="where to; it may not hold anything yet")
    sub.set_defaults(run=backup)
    sub = commands.add_parser("restore", help=restore.__doc__)
    sub.add_argument("folder", help="a backup")
    sub.add_argument("--replace", action="store_true", help="even over data that is here")
    sub.set_defaults(run=restore)


def main() -> int:
    """Entry point. What goes wrong in a way that is expected ends in one line and status 2."""
    given = parser().parse_args()
    settle_environment()
    try:
        return int(given.run(given))
    except Stop as stop:
        print(f"minhu: {stop}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
