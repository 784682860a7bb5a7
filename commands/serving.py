"""The processes that `run` starts, each a command of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from typing import Any

from commands.installation import (
    MODEL,
    ROOT,
    api_port,
    bot_port,
    city,
    console_port,
    database_url,
    dialogue_url,
    one_thread,
    staff_password,
    var,
)
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Bot, console, api, relay, address, index."""
    for command in (bot, console, api, relay, address, index):
        commands.add_parser(command.__name__, help=command.__doc__).set_defaults(run=command)


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
