import io
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import insert, select

from modelmux.adapters.sql import schema
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.domain.redaction import redact
from modelmux.entrypoints.debug_log import MAX_BODY_BYTES, debug_log
from modelmux.entrypoints.log import configure_logging


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def read(stream: io.StringIO) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_of_both_libraries_are_json_lines_with_their_fields() -> None:
    stream = io.StringIO()
    configure_logging(level="info", redact=redact, stream=stream)
    structlog.get_logger().info("server_ready", port=3000)
    logging.getLogger("modelmux.x").warning("keys_not_refreshed", extra={"detail": "gone"})
    ours, theirs = read(stream)
    assert (ours["event"], ours["level"], ours["port"]) == ("server_ready", "info", 3000)
    assert (theirs["event"], theirs["level"]) == ("keys_not_refreshed", "warning")
    assert theirs["detail"] == "gone"
    assert ours["ts"].endswith("Z")


def test_a_traceback_stays_on_its_line_and_is_redacted() -> None:
    stream = io.StringIO()
    configure_logging(level="info", redact=redact, stream=stream)
    try:
        raise ValueError("bad key sk-notsecretnotsecret")
    except ValueError:
        logging.getLogger("modelmux.x").exception("it_broke")
    (line,) = read(stream)
    assert "ValueError" in line["exception"]
    assert "notsecret" not in stream.getvalue()


def test_secrets_are_redacted_wherever_they_stand() -> None:
    stream = io.StringIO()
    configure_logging(level="info", redact=redact, stream=stream)
    structlog.get_logger().info(
        "call Bearer notsecretnotsecret",
        headers={"Authorization": "notsecret", "deep": ["sk-notsecretnotsecret", ("x", 1)]},
        password="notsecret",
        error=ValueError("AIzanotsecretnotsecret"),
    )
    logging.getLogger("uvicorn.error").error("key=%s", "sk-notsecretnotsecret")
    assert len(read(stream)) == 2
    assert "notsecret" not in stream.getvalue()


def test_the_level_holds_for_both_libraries() -> None:
    stream = io.StringIO()
    configure_logging(level="warning", redact=redact, stream=stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("modelmux.x").info("quiet")
    assert stream.getvalue() == ""
    configure_logging(level="debug", redact=redact, stream=stream)
    structlog.get_logger().debug("loud")
    assert [line["event"] for line in read(stream)] == ["loud"]


async def test_what_is_stored_is_logged_at_no_level(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging(level="debug", redact=redact, stream=stream)
    database = SqliteDatabase(tmp_path / "modelmux.db")
    await database.start()
    row = {"tenant": "tenant-acme", "call": b"a", "kept_at": 1.0, "value": b"1"}
    await database.insert(insert(schema.proofs), [row])
    await database.read(lambda it: it.scalars(select(schema.proofs.c.value)).all())
    await database.aclose()
    assert "tenant-acme" not in stream.getvalue()


def test_the_pretty_form_is_for_people() -> None:
    stream = io.StringIO()
    configure_logging(level="info", redact=redact, stream=stream, pretty=True)
    structlog.get_logger().info("server_ready", port=3000)
    assert "server_ready" in stream.getvalue()
    with pytest.raises(ValueError):
        read(stream)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        configure_logging(level="loud", redact=redact)


def test_bodies_are_logged_redacted_and_bounded() -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []

    def emit(event: str, **fields: object) -> None:
        told.append((event, fields))

    log_body = debug_log(redact, emit)
    body = b'{"api_key": "notsecretnotsecret"}\xff' + b"x" * MAX_BODY_BYTES
    log_body("request", "req_1", body)
    ((event, fields),) = told
    assert event == "body"
    assert (fields["request_id"], fields["what"]) == ("req_1", "request")
    assert (fields["size"], fields["truncated"]) == (len(body), True)
    assert "notsecret" not in fields["body"]
    assert len(fields["body"]) <= MAX_BODY_BYTES
