"""The commands of Minhu: prepare, run its processes, and work through old messages in batches."""

from __future__ import annotations

import argparse
import contextlib
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
    desk.enrol(staff_password())
    return desk


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

    started = time.monotonic()
    try:
        Library.open(var())
    except GuideError as wrong:
        raise Stop(f"A guide has an error: {wrong}") from wrong
    if time.monotonic() - started > 5:
        say(f"Knowledge indexed, {time.monotonic() - started:.0f} s")


# --- the processes -----------------------------------------------------------------------------------------------


def run(_: argparse.Namespace) -> int:
    """Prepares and starts every process; Ctrl-C ends them all."""
    for name, number in (("residents' chat", bot_port()), ("staff console", console_port())):
        refuse_taken(name, number)
    prepared = subprocess.run([sys.executable, str(ROOT / "minhu.py"), "prepare"], check=False)
    if prepared.returncode:
        return prepared.returncode
    from honcho.manager import Manager

    manager = Manager()
    for name in ("bot", "console", "relay", "address"):
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
            variable = "MINHU_BOT_PORT" if number == bot_port() else "MINHU_CONSOLE_PORT"
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

    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    for talkative in ("rasa", "rasa_sdk", "sanic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    configure_structlog(logging.WARNING)
    channels = create_http_input_channels(None, "credentials.yml")
    app = configure_app(channels, enable_api=False, route="/", port=bot_port())

    office()  # read before the first resident comes

    async def start(running: Any, loop: asyncio.AbstractEventLoop) -> None:
        url = os.environ.get("MINHU_DIALOGUE_URL", f"sqlite:///{var() / 'dialogue.db'}")
        running.ctx.agent = load_bot(MODEL, DialogueStore(None, url))

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


def relay(_: argparse.Namespace) -> int:
    """Delivers what waits in the outbox until it is stopped."""
    from cases.county import County
    from cases.relay import Relay
    from cases.store import Store
    from channels.push import deliver

    County.load(city())
    Relay(Store(database_url()), deliver).run()
    return 0


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
        f"Staff password       {staff_password()}   (logins: city/staff.csv, city/advisers.csv)",
        "Ctrl-C ends everything.",
        "",
    ):
        say(line)
    subprocess.run([sys.executable, str(ROOT / "minhu.py"), "index"], check=False)
    while True:
        time.sleep(3600)


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


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="minhu", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    plain: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": run, "prepare": prepare_command, "train": train_command, "check": check,
        "bot": bot, "console": console, "relay": relay, "address": address, "index": index,
    }  # fmt: skip
    for name, command in plain.items():
        commands.add_parser(name, help=command.__doc__).set_defaults(run=command)
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
    return top


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
