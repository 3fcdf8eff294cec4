"""Each verb as a person or a script runs it."""

import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from modelmux.entrypoints.cli.main import VERBS
from tests.integration.cli.conftest import RunVerb
from tests.support.command_line import bare_environment, modelmux
from tests.support.serving import COMMAND

HEAVY = ("google", "azure", "sqlalchemy", "structlog", "litestar", "uvicorn", "httpx", "rich")


def test_help_is_there_at_once(tmp_path: Path) -> None:
    durations: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        ended = modelmux(tmp_path, "--help")
        durations.append(time.perf_counter() - began)
        assert ended.returncode == 0
        assert all(name in ended.stdout for name, verb in VERBS.items() if not verb.hidden)
    assert min(durations) < 0.4


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from modelmux.entrypoints.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(','.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.stderr.strip() == ""


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself(name: str, verb: RunVerb) -> None:
    ended = verb(name, "--help")
    assert ended.returncode == 0
    assert "Usage: modelmux" in ended.stdout


def test_an_unknown_verb_is_a_mistake_of_usage(verb: RunVerb) -> None:
    ended = verb("srve")
    assert ended.returncode == 2
    assert "Did you mean 'serve'" in ended.stderr


def test_a_bad_configuration_is_told_without_a_traceback(tmp_path: Path, verb: RunVerb) -> None:
    (tmp_path / "modelmux.toml").write_text("[server]\nprot = 1\n")
    others = (["check"], ["config", "show"], ["models", "list"], ["ask", "x"])
    serve = modelmux(tmp_path, "serve")
    told = [(serve.returncode, serve.stdout, serve.stderr), *(verb(*words) for words in others)]
    for returncode, stdout, stderr in told:
        assert returncode == 2
        assert stdout == ""
        assert stderr == (
            'error: server has no key "prot"\n'
            f"  --> {tmp_path / 'modelmux.toml'}:2:1\n"
            '  hint: did you mean "port"?\n'
        )


@pytest.mark.parametrize("words", [["check"], ["config", "validate"], ["validate"]])
def test_a_good_configuration_passes_in_every_spelling(
    words: list[str], tmp_path: Path, verb: RunVerb
) -> None:
    (tmp_path / "own.toml").write_text('[provider]\ntype = "demo"\n')
    ended = verb(*words, "own.toml", "--online")
    assert ended.returncode == 0
    assert "demo: built in" in ended.stdout


def test_check_tells_that_a_key_will_be_needed(verb: RunVerb) -> None:
    ended = verb("check", environment={"MODELMUX_HOST": "0.0.0.0"})
    assert ended.returncode == 0
    assert "note: on 0.0.0.0 it starts only once there is a key" in ended.stderr
    with_key = {"MODELMUX_HOST": "0.0.0.0", "MODELMUX_API_KEY": "test-key-not-secret"}
    assert "note:" not in verb("check", environment=with_key).stderr


def test_check_online_fails_where_a_provider_does_not_answer(tmp_path: Path, verb: RunVerb) -> None:
    text = '[provider]\ntype = "vllm"\nbase_url = "http://127.0.0.1:9/v1"\n'
    (tmp_path / "modelmux.toml").write_text(text)
    assert verb("check").returncode == 0
    ended = verb("check", "--online", "--json")
    assert ended.returncode == 1
    told = json.loads(ended.stdout)
    assert told["ok"] is False
    assert told["providers"]["vllm"]["healthy"] is False
    assert "127.0.0.1:9: ConnectionRefusedError" in told["providers"]["vllm"]["detail"]


def test_a_failing_provider_is_told_with_its_cause(tmp_path: Path, verb: RunVerb) -> None:
    text = '[provider]\ntype = "vllm"\nbase_url = "http://127.0.0.1:9/v1"\n'
    (tmp_path / "modelmux.toml").write_text(text)
    for words in (["ask", "x", "-m", "m"], ["models", "test", "m"], ["doctor"]):
        ended = verb(*words, environment={"MODELMUX_PORT": "0"})
        assert ended.returncode == 1
        assert "127.0.0.1:9: ConnectionRefusedError" in ended.stdout + ended.stderr


@pytest.mark.parametrize("words", [["init"], ["config", "init"]])
def test_init_writes_a_file_once(words: list[str], tmp_path: Path, verb: RunVerb) -> None:
    first = verb(*words, "--preset", "demo", "--yes")
    assert (first.returncode, first.stdout) == (0, "modelmux.toml\n")
    written = (tmp_path / "modelmux.toml").read_text()
    second = verb(*words, "--preset", "vertex", "--yes")
    assert second.returncode == 2
    assert (tmp_path / "modelmux.toml").read_text() == written
    forced = verb(*words, "--preset", "vertex", "--yes", "--force")
    assert forced.returncode == 0
    assert 'type = "vertex"' in (tmp_path / "modelmux.toml").read_text()
    assert verb("check").returncode == 0


@pytest.mark.parametrize("output", ["/proc/no/such.toml", "."])
def test_init_tells_where_it_cannot_write(output: str, verb: RunVerb) -> None:
    ended = verb("init", "--preset", "demo", "--yes", "--force", "--output", output)
    assert ended.returncode == 2
    assert f"error: cannot write {output}: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_init_asks_nobody_where_nobody_is(verb: RunVerb) -> None:
    ended = verb("init")
    assert ended.returncode == 2
    assert "--preset" in ended.stderr


def test_config_show_tells_sources_and_hides_secrets(verb: RunVerb) -> None:
    environ = {"PROVIDER_TYPE": "vllm", "OPENAI_API_KEY": "test-key-not-secret"}
    ended = verb("config", "show", "--json", environment=environ)
    values = {it["key"]: it for it in json.loads(ended.stdout)["values"]}
    assert values["provider.api_key"]["value"] == "***"
    assert values["provider.api_key"]["source"] == "environment variable OPENAI_API_KEY"
    assert "test-key-not-secret" not in ended.stdout + ended.stderr


def test_ask_answers_in_this_process(verb: RunVerb) -> None:
    ended = verb("ask", "Hello there")
    assert (ended.returncode, ended.stdout) == (0, "You said: Hello there\n")
    streamed = verb("ask", "-", "--stream", "-m", "demo", stdin="Hello there")
    assert streamed.stdout == "You said: Hello there\n"
    told = json.loads(verb("ask", "Hello there", "--json").stdout)
    assert told["provider"] == "demo"


def test_ask_fails_where_there_is_no_such_model(verb: RunVerb) -> None:
    ended = verb("ask", "Hello", "-m", "dmo")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "demo" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_models_are_listed_and_tried(verb: RunVerb) -> None:
    listed = verb("models", "list", "--json")
    assert json.loads(listed.stdout) == [{"id": "demo", "provider": "demo"}]
    assert verb("models", "test").returncode == 0
    failed = verb("models", "test", "demo", "other", "--json")
    assert failed.returncode == 1
    assert [trial["ok"] for trial in json.loads(failed.stdout)] == [True, False]


def test_doctor_finds_a_bare_machine_well(verb: RunVerb) -> None:
    environ = {"MODELMUX_PORT": "0"}
    ended = verb("doctor", "--json", environment=environ)
    assert ended.returncode == 0, ended.stdout
    found = {finding["subject"]: finding["state"] for finding in json.loads(ended.stdout)}
    assert found["store"] == found["port"] == found["demo"] == "ok"


def test_doctor_tells_of_a_store_that_cannot_be_written(verb: RunVerb) -> None:
    environ = {"MODELMUX_PORT": "0", "MODELMUX_STORAGE__PATH": "/proc/no/such.db"}
    ended = verb("doctor", environment=environ)
    assert ended.returncode == 1
    assert "FAIL  store" in ended.stdout


def test_doctor_names_google_credentials_that_are_broken(tmp_path: Path, verb: RunVerb) -> None:
    file = tmp_path / "key.json"
    file.write_text("{broken")
    environ = {
        "MODELMUX_PORT": "0",
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        "GCE_METADATA_HOST": "127.0.0.1:9",
    }
    ended = verb("doctor", environment=environ)
    assert ended.returncode == 1
    assert f"the Google credentials file {file} is not a JSON object" in ended.stdout


def test_schema_is_a_json_schema(verb: RunVerb) -> None:
    schema = json.loads(verb("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    kinds = schema["$defs"]["OpenAiCompatSettings"]["properties"]["type"]["enum"]
    assert {"openai_compat", "openai_compatible", "ollama"} <= set(kinds)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('[server]\nport = "${PORT}"\n[log]\nlevel = "${LEVEL:-info}"\n', True),
        ('[provider]\ntype = "openai"\nmodels = "${MODELS}"\nverify_tls = "${TLS}"\n', True),
        ('[server]\nport = "3000"\n', False),
        ('[provider]\ntype = "vertx"\n', False),
        ("[server]\nprot = 3000\n", False),
    ],
)
def test_the_schema_takes_what_the_gateway_takes(text: str, valid: bool, verb: RunVerb) -> None:
    schema = json.loads(verb("schema").stdout)
    assert jsonschema_rs.is_valid(schema, tomllib.loads(text)) is valid


def test_the_schema_takes_the_file_of_the_guide(verb: RunVerb) -> None:
    schema = json.loads(verb("schema").stdout)
    guide = Path("docs/guides/configuration.md").read_text(encoding="utf-8")
    texts = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert texts
    for text in texts:
        jsonschema_rs.validate(schema, tomllib.loads(text))


def test_config_show_hides_a_key_in_an_address(tmp_path: Path, verb: RunVerb) -> None:
    url = "https://h.example/v1?key=test-key-not-secret"
    (tmp_path / "modelmux.toml").write_text(f'[provider]\ntype = "vllm"\nbase_url = "{url}"\n')
    for words in (["config", "show"], ["config", "show", "--json"]):
        ended = verb(*words)
        assert "https://h.example/v1?key=[redacted]" in ended.stdout
        assert "test-key-not-secret" not in ended.stdout + ended.stderr


def test_version_is_told_in_every_spelling(verb: RunVerb) -> None:
    plain = verb("version").stdout
    assert plain.startswith("modelmux ")
    assert verb("--version").stdout == plain
    assert json.loads(verb("version", "--json").stdout)["modelmux"] in plain


def test_troubleshoot_lists_and_explains(verb: RunVerb) -> None:
    assert "vertex" in verb("troubleshoot").stdout
    assert "gcloud" in verb("troubleshoot", "vertex").stdout
    topics = json.loads(verb("troubleshoot", "--json").stdout)
    assert "vertex" in {topic["topic"] for topic in topics}
    assert "gcloud" in json.loads(verb("troubleshoot", "vertex", "--json").stdout)["text"]
    unknown = verb("troubleshoot", "vertx")
    assert unknown.returncode == 2
    assert 'did you mean "vertex"?' in unknown.stderr


def test_keys_are_made_listed_and_revoked(verb: RunVerb) -> None:
    made = json.loads(verb("keys", "create", "me", "--json").stdout)
    listed = verb("keys", "list", "--json")
    assert [key["id"] for key in json.loads(listed.stdout)] == [made["id"]]
    assert made["key"] not in listed.stdout
    assert verb("keys", "revoke", made["id"]).returncode == 0
    assert json.loads(verb("keys", "list", "--json").stdout)[0]["revoked_at"]
    assert verb("keys", "revoke", "no-such").returncode == 1


def test_a_key_is_made_with_tags(verb: RunVerb) -> None:
    made = json.loads(
        verb(
            "keys", "create", "ci", "--tag", "batch", "--tag", "cheap", "--tag", "batch", "--json"
        ).stdout
    )
    assert made["tags"] == ["batch", "cheap"]
    assert json.loads(verb("keys", "list", "--json").stdout)[0]["tags"] == ["batch", "cheap"]
    assert "batch,cheap" in verb("keys", "list").stdout
    assert verb("keys", "create", "ci", "--tag", "").returncode == 2


@pytest.mark.parametrize("words", [[""], [" "], ["a\x1b[31m"], ["me", "--tenant", "\n"]])
def test_a_key_has_a_name_that_can_be_read(words: list[str], verb: RunVerb) -> None:
    ended = verb("keys", "create", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert json.loads(verb("keys", "list", "--json").stdout) == []


def test_a_hash_of_the_command_line_is_taken_in_the_file(tmp_path: Path, verb: RunVerb) -> None:
    hashed = verb("keys", "hash", stdin="test-key-not-secret\n").stdout.strip()
    text = f'[provider]\ntype = "demo"\n[[keys]]\nname = "me"\nhash = "{hashed}"\n'
    (tmp_path / "modelmux.toml").write_text(text)
    assert verb("check").returncode == 0
    assert verb("keys", "hash").returncode == 2


def test_a_key_that_is_no_text_is_not_hashed(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "keys", "hash"],
        env=bare_environment(tmp_path),
        input=b"\xff\n",
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == b"error: the key is not UTF-8 text\n"


@pytest.mark.parametrize("url", ["127.0.0.1:3000", "http://", "http://h:99999", "http://[::1"])
def test_health_refuses_what_is_no_address(url: str, verb: RunVerb) -> None:
    ended = verb("health", "--url", url)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: --url is not an http or https address\n")


def test_health_fails_where_nobody_listens(verb: RunVerb) -> None:
    ended = verb("health", "--url", "http://127.0.0.1:9")
    assert ended.returncode == 1
    assert ended.stdout == ""
