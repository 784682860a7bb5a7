"""The bootstrap on machines that lack something: always one clear line."""

from __future__ import annotations

import http.server
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT
from tools import bring


@pytest.mark.parametrize(
    ("told", "meaning"),
    [
        ("error: No space left on device (os error 28)", "disk is full"),
        ("error: Failed to fetch: `https://pypi.org/simple/rasa/`", "registry"),
        ("error: No interpreter found for Python 3.10 in managed installations", "Python 3.10"),
        ("error: something nobody has seen", "uv's own words"),
    ],
)
def test_what_uv_says_is_told_in_one_clear_line(told: str, meaning: str) -> None:
    assert meaning in bring.reason(told) and "\n" not in bring.reason(told)


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry whose only wheel has another checksum than it says."""
    machine = {"x86_64": "x86_64", "aarch64": "aarch64"}.get(platform.machine(), "x86_64")

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wheel = f"uv-{bring.UV_VERSION}-py3-none-manylinux_2_17_{machine}.whl"
            page = f'<a href="../../files/{wheel}#sha256={"0" * 64}">{wheel}</a>'
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page.encode() if self.path == "/simple/uv/" else b"no wheel")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    server.shutdown()


def run_without_uv(index: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A copy of the script alone, on a path without uv."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/bring.py").write_bytes((ROOT / "tools/bring.py").read_bytes())
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "UV_DEFAULT_INDEX": index}
    environment.pop("UV", None)
    return subprocess.run(
        [sys.executable, str(tmp_path / "tools/bring.py")], env=environment, text=True, capture_output=True, check=False
    )


def test_a_registry_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    done = run_without_uv("http://127.0.0.1:9/simple", tmp_path)
    assert done.returncode == 2 and "can't be reached" in done.stderr and "Traceback" not in done.stderr


def test_a_download_with_a_wrong_checksum_is_not_run(registry: str, tmp_path: Path) -> None:
    done = run_without_uv(registry, tmp_path)
    assert done.returncode == 2 and "checksum" in done.stderr and not (tmp_path / ".tools" / "uv").exists()
