"""`modelmux serve` as it runs on a machine: from nothing to an answer, and to a clean end."""

import json
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.command_line import modelmux
from tests.support.serving import ServedGateway, serving

HELLO = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


def ask(gateway: ServedGateway, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    url = f"{gateway.url}/v1/chat/completions"
    return httpx.post(url, json=HELLO, headers=headers, trust_env=False)


def test_answers_with_no_configuration_at_all(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        answer = ask(gateway)
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"] == "You said: Hello"
        models = httpx.get(f"{gateway.url}/v1/models", trust_env=False).json()
        assert [model["id"] for model in models["data"]] == ["demo"]


def test_tells_where_it_listens_and_what_it_found(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    told = next(line for line in lines if line["event"] == "listening")
    assert told["url"] == gateway.url
    assert told["models"] == ["demo"]
    assert told["needs_key"] is False
    assert told["found"] == [
        "demo: nothing else was found; it answers to the model name demo alone"
    ]


def test_talks_to_a_person_when_asked_to(tmp_path: Path) -> None:
    with serving(tmp_path, arguments=["--log-format", "pretty"]) as gateway:
        pass
    text = gateway.log.read_text()
    assert f"listens on {gateway.url}" in text
    assert f"curl {gateway.url}/v1/chat/completions" in text


def test_is_well_in_its_own_health_check(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        ended = modelmux(tmp_path, "health", "--url", gateway.url)
        assert ended.returncode == 0
        assert ended.stdout.splitlines() == [
            "ok",
            "demo (demo): well",
            "no requests yet",
            "store up, cache off",
        ]
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}
        chat = f"{gateway.url}/v1/chat/completions"
        assert httpx.post(chat, json=body, trust_env=False).status_code == 200
        told = modelmux(tmp_path, "health", "--url", gateway.url).stdout.splitlines()
        shown = r"demo \(demo\): well, \d+ ms to the first events, 0\.0% errors"
        assert re.fullmatch(shown, told[1])
        assert told[2].startswith("1 requests, 100.0% succeeded, ")
        port = {"MODELMUX_PORT": gateway.url.rpartition(":")[2], "MODELMUX_HOST": "0.0.0.0"}
        assert modelmux(tmp_path, "health", environment=port).returncode == 0


def test_the_cause_of_a_failing_provider_is_for_the_log_and_not_for_callers(tmp_path: Path) -> None:
    environ = {"PROVIDER_TYPE": "vllm", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    with serving(tmp_path, environment=environ) as gateway:
        health = httpx.get(f"{gateway.url}/health", trust_env=False)
        while health.json()["providers"][0]["healthy"] is None:
            time.sleep(0.02)
            health = httpx.get(f"{gateway.url}/health", trust_env=False)
    assert health.json()["status"] == "degraded"
    assert "127.0.0.1:9" not in health.text
    assert "127.0.0.1:9: ConnectionRefusedError" in gateway.log.read_text()


def test_a_made_key_works_at_once_and_not_after_its_end(tmp_path: Path) -> None:
    environ = {"MODELMUX_API_KEY": "test-key-not-secret"}
    with serving(tmp_path, environment=environ) as gateway:
        assert ask(gateway).status_code == 401
        assert ask(gateway, "test-key-not-secret").status_code == 200
        made = json.loads(modelmux(tmp_path, "keys", "create", "me", "--json").stdout)
        assert _becomes(gateway, made["key"], 200)
        modelmux(tmp_path, "keys", "revoke", made["id"])
        assert _becomes(gateway, made["key"], 401)


def _becomes(gateway: ServedGateway, key: str, status: int, within_s: float = 3.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if ask(gateway, key).status_code == status:
            return True
        time.sleep(0.05)
    return False


def test_the_first_key_that_is_made_ends_open_access(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        assert ask(gateway).status_code == 200
        key = modelmux(tmp_path, "keys", "create", "me").stdout.strip()
        assert _becomes(gateway, "test-key-not-secret", 401)
        assert ask(gateway, key).status_code == 200
    with serving(tmp_path) as gateway:
        assert ask(gateway).status_code == 401
        assert ask(gateway, key).status_code == 200


def test_refuses_to_listen_to_others_without_a_key(tmp_path: Path) -> None:
    ended = modelmux(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: server.host is 0.0.0.0: others could call, and there is no key to ask them for\n"
        "  --> --host\n"
        "  hint: set MODELMUX_API_KEY, write [[keys]] in the file, or: modelmux keys create NAME\n"
    )


@pytest.mark.parametrize("way", ["variable", "file", "made"])
def test_listens_to_others_once_there_is_a_key(way: str, tmp_path: Path) -> None:
    config, environ = None, {}
    if way == "variable":
        environ = {"MODELMUX_API_KEY": "test-key-not-secret"}
    elif way == "file":
        config = f'[[keys]]\nname = "me"\nhash = "sha256:{"0" * 64}"\n'
    else:
        modelmux(tmp_path, "keys", "create", "me")
    arguments = ["--host", "0.0.0.0"]
    with serving(tmp_path, config=config, arguments=arguments, environment=environ) as gateway:
        assert ask(gateway).status_code == 401


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        port = gateway.url.rpartition(":")[2]
        ended = modelmux(tmp_path, "serve", "--port", port)
        examined = modelmux(tmp_path, "doctor", environment={"MODELMUX_PORT": port})
    assert examined.returncode == 0
    assert f"127.0.0.1:{port}: a gateway is running there" in examined.stdout
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    environ = {"MODELMUX_API_KEY": "test-key-not-secret"}
    ended = modelmux(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0", environment=environ)
    assert ended.returncode == 2
    assert ended.stderr.endswith("  hint: is server.host one of this machine's own?\n")


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    environ = {"MODELMUX_STORAGE__PATH": "/proc/no/such.db"}
    ended = modelmux(tmp_path, "serve", "--port", "0", environment=environ)
    assert ended.returncode == 2
    assert "environment variable MODELMUX_STORAGE__PATH" in ended.stderr
    assert ":memory:" in ended.stderr


def test_runs_without_any_store(tmp_path: Path) -> None:
    environ = {"MODELMUX_STORAGE__PATH": ":memory:"}
    with serving(tmp_path, environment=environ) as gateway:
        assert ask(gateway).status_code == 200
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_success(sign: signal.Signals, tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        ask(gateway)
        gateway.process.send_signal(sign)
        assert gateway.process.wait(10) == 0
    assert "Traceback" not in gateway.log.read_text()


def test_debug_logs_bodies_without_keys(tmp_path: Path) -> None:
    key = "sk-test-key-not-secret-0123456789abcdef"
    body = {**HELLO, "messages": [{"role": "user", "content": f"my key is {key}"}]}
    with serving(tmp_path, arguments=["--debug"]) as gateway:
        url = f"{gateway.url}/v1/chat/completions"
        httpx.post(url, json=body, trust_env=False).raise_for_status()
    text = gateway.log.read_text()
    assert "my key is" in text
    assert key not in text
