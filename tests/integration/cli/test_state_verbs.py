"""`modelmux state`: what is kept, exported, erased and swept by the command line."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from modelmux.adapters.memory.proof_vault import MemoryProofVault
from modelmux.adapters.sql.proofs import SqlProofVault
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import KeptProof, ProofKey
from modelmux.domain.conversation import Reasoning
from tests.integration.cli.conftest import RunVerb
from tests.support.command_line import modelmux
from tests.support.responses_asking import compacted
from tests.support.sdk_asking import client_at
from tests.support.serving import serving

KEY = "test-caller-key-not-secret"
CONFIG = '[provider]\ntype = "demo"\npace_s = 0\n'


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return the folder of a gateway that has kept two responses and a conversation."""
    with (
        serving(tmp_path, config=CONFIG, environment={"MODELMUX_API_KEY": KEY}) as gateway,
        client_at(f"{gateway.url}/v1", KEY) as client,
    ):
        first = client.responses.create(model="demo", input="Hello")
        client.responses.create(model="demo", input="on", previous_response_id=first.id)
        client.conversations.create(
            metadata={"team": "red"}, items=[{"role": "user", "content": "Hi"}]
        )
    return tmp_path


def test_what_is_kept_for_a_tenant_is_exported_as_lines(kept: Path, verb: RunVerb) -> None:
    ended = verb("state", "export", "default")
    assert ended.returncode == 0
    assert "3 exported" in ended.stderr
    first, second, conversation = sorted(
        map(json.loads, ended.stdout.splitlines()),
        key=lambda line: (line["object"] != "response", line.get("previous_response_id") or ""),
    )
    assert first["input"][0]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert first["output"][0]["content"][0]["text"] == "You said: Hello"
    assert second["previous_response_id"] == first["id"]
    assert conversation["metadata"] == {"team": "red"}
    assert conversation["items"][0]["role"] == "user"
    assert verb("state", "export", "nobody").stdout == ""


async def keep_proof(file: Path) -> None:
    """Keep one for the tenant, as a turn with tools at Claude does."""
    database = SqliteDatabase(file)
    await database.start()
    clock = SystemClock()
    vault = SqlProofVault(database, clock, MemoryProofVault(clock))
    await vault.keep({ProofKey("default", "call_1"): KeptProof((Reasoning("Hm."),), None)})
    await database.aclose()


def test_erasing_asks_first(kept: Path, verb: RunVerb) -> None:
    asyncio.run(keep_proof(kept / "data" / "modelmux" / "modelmux.db"))
    refused = verb("state", "erase", "default")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    ended = verb("state", "erase", "default", "--yes", "--json")
    assert json.loads(ended.stdout) == {"erased": 3, "proofs": 1}
    assert verb("state", "export", "default").stdout == ""


def test_a_sweep_tells_what_went(kept: Path, verb: RunVerb) -> None:
    ended = verb("state", "sweep", "--json")
    assert json.loads(ended.stdout) == {"expired": 0, "crowded": 0}
    assert verb("state", "sweep").stdout == "0 expired, 0 over a limit\n"


def test_what_was_sealed_before_a_rotation_opens_after_it(tmp_path: Path) -> None:
    with (
        serving(tmp_path, config=CONFIG, environment={"MODELMUX_API_KEY": KEY}) as gateway,
        client_at(f"{gateway.url}/v1", KEY) as client,
    ):
        keys = tmp_path / "data" / "modelmux" / "seal.keys"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        before = keys.read_text()
        items: Any = compacted(client, model="demo", input="Hello")  # Any: plain dicts
        ended = modelmux(tmp_path, "state", "rotate-key", "--json")
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["file"] == str(keys)
        assert keys.read_text() != before
        assert keys.read_text().startswith(before)
        assert client.responses.create(model="demo", input=items).status == "completed"
    with (
        serving(tmp_path, config=CONFIG, environment={"MODELMUX_API_KEY": KEY}) as gateway,
        client_at(f"{gateway.url}/v1", KEY) as client,
    ):
        assert client.responses.create(model="demo", input=items).status == "completed"


def test_what_nothing_outlives_cannot_be_exported(tmp_path: Path, verb: RunVerb) -> None:
    (tmp_path / "modelmux.toml").write_text('[storage]\npath = ":memory:"\n')
    ended = verb("state", "export", "default")
    assert ended.returncode == 2
    assert ":memory:" in ended.stderr
    rotated = verb("state", "rotate-key")
    assert rotated.returncode == 2
    assert "no file of seal keys" in rotated.stderr
