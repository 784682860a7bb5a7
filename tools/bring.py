"""Brings uv, the right Python and the locked dependencies to a machine that has only python3 (3.8 or newer).

Plain standard library, so that any python3 runs it. Each thing that can go wrong ends in one line and status 2.
Usage: bring.py [GROUP ...] prints the path of a uv that works; groups are installed beside the main dependencies.
"""

import hashlib
import html
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, ".tools")
UV_VERSION = "0.13.9"
INDEX = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
LINK = re.compile(r'<a\b[^>]*\bhref="([^"#]+)#sha256=([0-9a-f]{64})"', re.IGNORECASE)
NEEDED_BYTES = 4 * 1000**3


class Stop(Exception):
    """Ends with one clear line."""


def works(uv):
    """Whether this uv runs here (a pyenv shim may exist and not run)."""
    try:
        done = subprocess.run([uv, "--version"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def find_uv():
    """A uv on the machine, or one that an earlier run brought, or a new one."""
    mine = os.path.join(TOOLS, "uv")
    for uv in (os.environ.get("UV"), mine, shutil.which("uv")):
        if uv and works(uv):
            return uv
    sys.stderr.write("Bringing uv %s ...\n" % UV_VERSION)
    bring_uv(mine)
    if not works(mine):
        raise Stop(
            "The uv that was brought does not run on this machine (%s %s)." % (platform.system(), platform.machine())
        )
    return mine


def bring_uv(target):
    """Takes the wheel for this machine from the package index, checks its hash and unpacks the one program in it."""
    page = INDEX.rstrip("/") + "/uv/"
    links = ((urllib.parse.urljoin(page, html.unescape(a)), h) for a, h in LINK.findall(fetch(page).decode("utf-8")))
    wheel, digest = next(((url, h) for url, h in links if fits(url.rsplit("/", 1)[-1])), (None, None))
    if wheel is None:
        raise Stop("There is no uv %s for this machine (%s %s)." % (UV_VERSION, platform.system(), platform.machine()))
    content = fetch(wheel)
    if hashlib.sha256(content).hexdigest() != digest:
        raise Stop("The uv that came has a wrong checksum. Try again, or install uv yourself.")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        inside = next(n for n in packed.namelist() if n.endswith(("/uv", "/uv.exe")))
        os.makedirs(TOOLS, exist_ok=True)
        with open(target, "wb") as out:
            out.write(packed.read(inside))
    os.chmod(target, 0o755)


def fits(name):
    """Whether a file of the index is the wheel of our version for this machine."""
    if not (name.startswith("uv-%s-" % UV_VERSION) and name.endswith(".whl")):
        return False
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Linux":
        libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
        return libc in name and machine in name
    if platform.system() == "Darwin":
        return "macosx" in name and {"aarch64": "arm64"}.get(machine, machine) in name
    return (
        platform.system() == "Windows" and "win_" in name and {"x86_64": "amd64", "aarch64": "arm64"}[machine] in name
    )


def fetch(url):
    """The bytes behind a URL; raises Stop when the registry can't be reached."""
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError) as refused:
        told = "The package registry can't be reached (%s). Check the network, then start again." % (refused,)
        raise Stop(told) from refused


def sync(uv, groups):
    """Installs exactly what uv.lock says; a second time this takes a moment."""
    if not os.path.isdir(os.path.join(ROOT, ".venv")) and shutil.disk_usage(ROOT).free < NEEDED_BYTES:
        raise Stop("The disk has less than 4 GB left; the dependencies need that much. Make room, then start again.")
    chosen = [part for group in groups for part in ("--group", group)]
    done = subprocess.run([uv, "sync", "--frozen", "--no-default-groups"] + chosen, cwd=ROOT, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return
    told = done.stderr.decode("utf-8", "replace").strip()
    sys.stderr.write(told + "\n")
    raise Stop(reason(told))


def reason(told):
    """What uv's error means for the person at the terminal."""
    small = told.lower()
    if "no space left" in small:
        return "The disk is full. Make room, then start again."
    if "no interpreter found" in small or "python-build-standalone" in small:
        return "Python 3.10 could be neither found nor brought. Install Python 3.10, then start again."
    if "failed to fetch" in small or "error sending request" in small or "dns error" in small:
        return "The package registry can't be reached. Check the network, then start again."
    return "The dependencies could not be installed; uv's own words are above."


def main():
    """Prints the path of uv on standard output."""
    if sys.version_info < (3, 8):
        raise Stop("python3 is %s; 3.8 or newer is needed." % platform.python_version())
    uv = find_uv()
    sync(uv, sys.argv[1:])
    print(uv)


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.stderr.write("minhu: %s\n" % stop)
        sys.exit(2)
    except OSError as refused:
        sys.stderr.write("minhu: %s\n" % refused)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
