"""The one desk of this process, opened from the environment when a channel first needs it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from cases.attachments import Attachments
from cases.county import County
from cases.desk import Desk
from channels.commits import SharedStore


def var() -> Path:
    """The folder of this installation's own files."""
    return Path(os.environ.get("MINHU_VAR", "var"))


@lru_cache(maxsize=1)
def county_of_this_process() -> County:
    """Raises CountyError when a file of the county is wrong."""
    return County.load(Path(os.environ.get("MINHU_CITY", "city")))


@lru_cache(maxsize=1)
def desk_of_this_process() -> Desk:
    """Reads MINHU_DATABASE_URL and MINHU_CITY; every channel of the process shares it."""
    url = os.environ.get("MINHU_DATABASE_URL", f"sqlite:///{var() / 'minhu.db'}")
    return Desk(SharedStore(url), county_of_this_process())


@lru_cache(maxsize=1)
def attachments_of_this_process() -> Attachments:
    """Photos of residents, in var/attachments."""
    return Attachments(var() / "attachments")
