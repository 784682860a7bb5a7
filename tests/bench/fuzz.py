"""Feeds the interface for other systems what its OpenAPI description allows and forbids; counts what should not be."""

from __future__ import annotations

import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.channels.interface import LAMP, Running, serve, sqlite_desk

#: stands in every word and contact of the other client's request, and in nothing that is ours or made up
SECRET = "绝密标记Zq7"
SETTINGS = """
seed = {seed}
max-time = {seconds}
continue-on-failure = true
request-timeout = 20
[generation]
no-shrink = true
max-examples = {examples}
[phases.stateful]
enabled = false
[checks]
positive_data_acceptance.enabled = {accepts}
[auth.openapi.APIKeyQuery]
api_key = "{key}"
"""


@dataclass
class Fuzzed:
    """`statuses`: how often each HTTP status was answered; `failures`: what should not be, with how to do it again."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    filed: int = 0
    leaks: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def planted(folder: Path) -> Iterator[tuple[Running, str]]:
    """A server that holds a request of another client, full of the marker; gives its number too."""
    with serve(sqlite_desk(folder), folder) as running:
        number = running.file(
            running.second, description=f"{SECRET}的路灯坏了", address_string=SECRET, phone="13712340000",
            last_name=SECRET, headers={"Idempotency-Key": "other-key"}, media_url=f"https://x.cn/{SECRET}",
        )  # fmt: skip
        running.move(number, "register", "dispatch", "accept")
        running.move(number, "answer", note=SECRET)
        running.file(running.first, headers={"Idempotency-Key": "own-key"})
        yield running, number


def fuzz(running: Running, number: str, *, examples: int, seconds: int, seed: int = 1) -> Fuzzed:
    """Everything as the client `first`, whose own requests it may see; the other's number is tried as well."""
    settings = SETTINGS.format(key=running.first, examples=examples, seconds=seconds, seed=seed, accepts="false")
    schema = schemathesis.openapi.from_url(
        f"http://127.0.0.1:{running.port}/openapi.json", config=SchemathesisConfig.from_str(settings)
    )
    told, before, hook = Fuzzed(), running.rows()[0], _as_a_client(running.first, number)
    schemathesis.hook(hook)
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _count(event, told)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                told.failures.append(repr(getattr(event, "value", None) or getattr(event, "exception", event)))
    finally:
        schemathesis.hooks.unregister(hook)
    told.filed = running.rows()[0] - before
    return told


def _as_a_client(key: str, number: str):  # type: ignore[no-untyped-def]
    """Most forms get a valid key, many are right but for one field, and some paths and queries hold the other's number
    and key; the same case always the same, so that a failure can be done again."""

    def before_call(context, case, kwargs) -> None:  # type: ignore[no-untyped-def]
        at = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode("utf-8", "replace"))
        if case.method == "POST" and isinstance(case.body, dict) and at % 4:
            case.body = {**case.body, "api_key": key}
            if at % 4 > 1 and case.meta.generation.mode.is_positive:
                one = sorted(case.body)[at % len(case.body)]
                case.body = {**LAMP, one: case.body[one], "api_key": key}
        if at % 5 == 0:
            theirs = {"service_request_id": number, "token": "other-key"}
            names = [name for name in theirs if name in (case.path_parameters or {})]
            case.path_parameters = {**(case.path_parameters or {}), **{name: theirs[name] for name in names}}
            if case.method == "GET" and case.path.startswith("/open311/v2/requests."):
                case.query = {**(case.query or {}), "service_request_id": number}

    return before_call


def _count(event: events.ScenarioFinished, told: Fuzzed) -> None:
    recorder = event.recorder
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            told.cases += 1
            told.statuses[interaction.response.status_code] += 1
            shown = interaction.response.content.decode("utf-8", "replace") + str(interaction.response.headers)
            told.leaks += any(secret in shown for secret in (SECRET, "\\u7edd\\u5bc6", "1371234"))
    if event.status in (Status.FAILURE, Status.ERROR):
        for checks in recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    made = check.failure_info.code_sample
                    told.failures.append(f"{event.label}: {check.name}: {check.failure_info.failure}\n{made}")


def measure(examples: int = 400, seconds: int = 600) -> list[tuple[str, ...]]:
    """(what, ours, aim) a row."""
    with tempfile.TemporaryDirectory() as made, planted(Path(made)) as (running, number):
        told = fuzz(running, number, examples=examples, seconds=seconds)
    for failure in told.failures[:20]:
        print(failure, file=sys.stderr)
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(told.statuses.items()))
    return [
        ("requests made from the description", str(told.cases), ""),
        ("  answered", statuses, ""),
        ("  cases filed by them", str(told.filed), ""),
        ("5xx", str(sum(count for status, count in told.statuses.items() if status >= 500)), "0"),
        ("answers that don't conform", str(len(told.failures)), "0"),
        ("leaks of another client's request", str(told.leaks), "0"),
    ]


def main() -> None:
    """Prints the table."""
    for what, ours, aim in measure():
        print(f"{what:<40}{ours:>40}{aim:>8}")


if __name__ == "__main__":
    main()
