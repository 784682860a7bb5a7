"""Starts the product's own processes on free ports over a fresh installation, for tests that talk to them over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cases.store import Store, cases

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """One fresh var/ folder with its processes by name."""

    var: Path
    bot_port: int = field(default_factory=free_port)
    console_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def chat(self) -> str:
        """Address of the residents' page."""
        return f"http://127.0.0.1:{self.bot_port}"

    @property
    def console(self) -> str:
        """Address of the staff console."""
        return f"http://127.0.0.1:{self.console_port}"

    @property
    def api(self) -> str:
        """Address of the interface for other systems."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def password(self) -> str:
        """The staff password of this installation."""
        return (self.var / "staff-password").read_text().strip()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of its case system."""
        return self.extra.get("MINHU_DATABASE_URL", f"sqlite:///{self.var / 'minhu.db'}")

    def environment(self) -> dict[str, str]:
        """What its processes run under."""
        return {
            **os.environ,
            "MINHU_VAR": str(self.var),
            "MINHU_BOT_PORT": str(self.bot_port),
            "MINHU_CONSOLE_PORT": str(self.console_port),
            "MINHU_API_PORT": str(self.api_port),
            "MINHU_DATABASE_URL": self.database_url,
            **self.extra,
        }

    def prepare(self) -> None:
        """Store, staff and index; the model is the one in models/, the index starts from that of `make test`."""
        if (ROOT / "var" / "index").is_dir():
            shutil.copytree(ROOT / "var" / "index", self.var / "index", dirs_exist_ok=True)
        subprocess.run([sys.executable, "minhu.py", "prepare"], cwd=ROOT, env=self.environment(), check=True)

    def start(self, *names: str) -> None:
        """Starts processes (bot, console, api, relay) and waits until their pages answer."""
        for name in names:
            log = (self.var / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                [sys.executable, "minhu.py", name], cwd=ROOT, env=self.environment(), stdout=log, stderr=log
            )
        for name in names:
            self._await(name)

    def settle(self) -> None:
        """No case of an earlier test is open any more, so that none is offered to be followed."""
        store = Store(self.database_url)
        with store.write() as write:
            write.execute(cases.update().values(status="withdrawn", open=False))
        store.engine.dispose()

    def kill(self, name: str) -> None:
        """kill -9, no good-bye."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        """Ends every process."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _await(self, name: str) -> None:
        page = {
            "bot": self.chat + "/",
            "console": self.console + "/",
            "api": self.api + "/open311/v2/discovery.json",
        }.get(name)
        deadline = time.monotonic() + 90
        while page and time.monotonic() < deadline:
            if self.processes[name].poll() is not None:
                break
            try:
                if httpx.get(page, timeout=5, follow_redirects=True).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        if page:
            raise AssertionError(f"{name} did not start:\n{(self.var / f'{name}.log').read_text()[-3000:]}")


@contextmanager
def installation(var: Path, *names: str, **extra: str) -> Iterator[Installation]:
    """A prepared installation with these processes running; all ended afterwards."""
    made = Installation(var, extra=extra)
    var.mkdir(parents=True, exist_ok=True)
    made.prepare()
    try:
        made.start(*names)
        yield made
    finally:
        made.stop()
