"""Bad configurations: what each is told, where, and what to do about it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.settings.file import load_settings
from tests.support.configuring import PRESETS, load_nothing, load_text, surroundings

TYPES = (
    "openai_compat, vllm, vertex, azure, anthropic, gemini, bedrock, cohere, ollama, demo, "
    "deepseek, huggingface, openai"
)


class Bad(NamedTuple):
    """`place` is line and column in the file; `environ` what the environment holds."""

    text: str
    message: str
    place: str
    hint: str | None = None
    environ: tuple[tuple[str, str], ...] = ()


BAD = {
    "a provider that is unwell is asked less": Bad(
        "[health]\nprobe_every_s = 10\nprobe_when_unwell_s = 20\n",
        "health.probe_when_unwell_s is longer than health.probe_every_s",
        "3:1",
        "a provider that is unwell is asked more often, not less",
    ),
    "no series": Bad(
        "[metrics]\nmax_series = 5\n",
        "metrics.max_series: expected a whole number >= 10",
        "2:1",
    ),
    "two stores": Bad(
        '[storage]\npath = "a.db"\nurl = "postgresql://db/x"\n',
        "storage: path and url are two places for the same things",
        "3:1",
        "keep url for Postgres, path for a file of SQLite",
    ),
    "another database": Bad(
        '[storage]\nurl = "mysql://db/x"\n',
        "storage.url: this address begins with none of postgresql://, postgres://",
        "2:1",
        'such as "postgresql://user@db.example.com/modelmux"',
    ),
    "no Redis": Bad(
        '[storage]\nredis_url = "localhost:6379"\n',
        "storage.redis_url: this address begins with none of redis://, rediss://, unix://",
        "2:1",
        'such as "redis://redis.example.com:6379/0"',
    ),
    "two places for seal keys": Bad(
        '[state]\nseal_file = "keys"\nseal_keys = ["${K}"]\n',
        "state: seal_file and seal_keys are two places for the same keys",
        "2:1",
        "keep seal_keys where several machines share them",
        (("K", "k" * 32),),
    ),
    "a seal key in the file": Bad(
        f'[state]\nseal_keys = ["{"k" * 32}"]\n',
        "state.seal_keys[0]: a key does not stand in the file as it is",
        "2:14",
        'write "${VARIABLE}" or "${file:/path}"',
    ),
    "a seal key that can be guessed": Bad(
        '[state]\nseal_keys = ["${K}", "${SHORT}"]\n',
        "state.seal_keys[1]: a key has at least 32 letters",
        "2:22",
        "openssl rand -base64 32 makes one",
        (("K", "k" * 32), ("SHORT", "k")),
    ),
    "a misspelt key": Bad(
        "[server]\nprot = 1\n", 'server has no key "prot"', "2:1", 'did you mean "port"?'
    ),
    "a misspelt section": Bad(
        "\n[serve]\n", 'the configuration has no key "serve"', "2:1", 'did you mean "server"?'
    ),
    "a key nobody can guess": Bad(
        "[log]\nxyz = 1\n", 'log has no key "xyz"', "2:1", "known: level, format"
    ),
    "a text for a number": Bad(
        '[server]\nport = "x"\n',
        "server.port: expected a whole number, got a text",
        "2:1",
        "numbers stand without quotes",
    ),
    "a list for a table": Bad(
        '[[provider]]\ntype = "demo"\n',
        "provider: expected a table, got a list",
        "1:1",
        "one bracket around its name makes a table: [name]",
    ),
    "a table for a list": Bad(
        '[providers]\ntype = "demo"\n',
        "providers: expected a list, got a table",
        "1:1",
        "two brackets around its name make a list: [[name]]",
    ),
    "a text for a table": Bad(
        'provider = "demo"\n',
        "provider: expected a table, got a text",
        "1:1",
        "write [name], and its keys in the lines below",
    ),
    "a text for a list": Bad(
        '[provider]\ntype = "demo"\nmodels = "demo"\n',
        "provider.models: expected a list, got a text",
        "3:1",
        'lists stand in brackets: ["one", "two"]',
    ),
    "a key that no header can hold": Bad(
        '[provider]\ntype = "vllm"\napi_key = "${K}"\n',
        "provider.api_key: no header can hold this value",
        "3:1",
        "look for line breaks, and for typographic quotes or spaces around it",
        (("K", "test-key-not-secret\nmore"),),
    ),
    "a header that no header can hold": Bad(
        '[provider]\ntype = "vllm"\nheaders = { x-a = "b\\r\\nc: d" }\n',
        "provider.headers.x-a: no header can hold this value",
        "3:13",
        "look for line breaks, and for typographic quotes or spaces around it",
    ),
    "a header of no name": Bad(
        '[provider]\ntype = "openai_compat"\nbase_url = "http://h"\nauth_header = "x key"\n',
        'provider.auth_header: "x key" cannot be a header\'s name',
        "4:1",
    ),
    "a number out of range": Bad(
        "[server]\n\n  port = 70000\n", "server.port: expected a whole number <= 65535", "3:3"
    ),
    "a word that is no choice": Bad(
        '[log]\nlevel = "inof"\n',
        'log.level: there is no choice "inof"',
        "2:1",
        'did you mean "info"?',
    ),
    "a policy that is none": Bad(
        '[routing]\npolicy = "ignore"\n',
        'routing.policy: there is no choice "ignore"',
        "2:1",
        "known: warn, reject, quiet",
    ),
    "a variable that is not set": Bad(
        '[server]\nhost = "${BIND}"\n',
        "server.host: environment variable BIND is not set",
        "2:1",
        "set it, or give a default: ${BIND:-value}",
    ),
    "a variable that is empty": Bad(
        '[server]\nhost = "${BIND}"\n',
        "server.host: environment variable BIND is empty",
        "2:1",
        "set it, or give a default: ${BIND:-value}",
        (("BIND", ""),),
    ),
    "a variable with a text for a number": Bad(
        '[server]\nport = "${P}"\n',
        "server.port: expected a whole number, got a text",
        "2:1",
        environ=(("P", "many"),),
    ),
    "a reference that is none": Bad(
        '[server]\nhost = "${a b}"\n',
        "server.host: ${a b} is not a reference",
        "2:1",
        "write ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for the text ${",
    ),
    "a secret file that is not there": Bad(
        '[provider]\ntype = "vllm"\napi_key = "${file:/no/such}"\n',
        "provider.api_key: cannot read /no/such: No such file or directory",
        "3:1",
        "the file must be there, and readable for this user",
    ),
    "not TOML": Bad(
        "[server]\nport 3000\n",
        "this is not TOML: expected '=' after a key in a key/value pair",
        "2:6",
        "texts stand in quotes, tables in [brackets], one `key = value` a line",
    ),
    "a provider without a type": Bad(
        '[provider]\nname = "x"\n', 'provider: "type" is missing', "1:1", f"one of {TYPES}"
    ),
    "a provider of no type": Bad(
        '[[providers]]\ntype = "vertx"\n',
        'providers[0]: there is no provider type "vertx"',
        "2:1",
        'did you mean "vertex"?',
    ),
    "a key of another type of provider": Bad(
        '[[providers]]\ntype = "demo"\n[[providers]]\ntype = "vertex"\nregin = "global"\n',
        'providers[1] of type vertex has no key "regin"',
        "5:1",
        'did you mean "region"?',
    ),
    "a preset that is none": Bad(
        '[provider]\ntype = "openai_compat"\npreset = "olama"\n',
        'provider: there is no preset "olama"',
        "3:1",
        'did you mean "ollama"?',
    ),
    "two ways to sign in at AWS": Bad(
        '[provider]\ntype = "bedrock"\napi_key = "k"\nprofile = "p"\n',
        "provider: an API key and profile are two ways to sign in",
        "4:1",
        "keep one of them",
    ),
    "a second address that is none": Bad(
        '[provider]\ntype = "bedrock"\nmantle_base_url = "bedrock-mantle"\n',
        "provider.mantle_base_url: this is not an http or https address",
        "3:1",
        'such as "https://llm.example.com/v1"',
    ),
    "a beta that no header can hold": Bad(
        '[provider]\ntype = "anthropic"\nanthropic_beta = ["\u201ca\u201d"]\n',
        "provider.anthropic_beta: no header can hold this value",
        "3:1",
        "look for line breaks, and for typographic quotes or spaces around it",
    ),
    "a client's name that no header can hold": Bad(
        '[provider]\ntype = "cohere"\nclient_name = "\u2013"\n',
        "provider.client_name: no header can hold this value",
        "3:1",
        "look for line breaks, and for typographic quotes or spaces around it",
    ),
    "a choice that is none": Bad(
        '[provider]\ntype = "bedrock"\napi = "converze"\n',
        'provider.api: there is no choice "converze"',
        "3:1",
        'did you mean "converse"?',
    ),
    "a compatible server without an address": Bad(
        '[provider]\ntype = "openai_compatible"\n',
        'provider: "base_url" is missing',
        "1:1",
        'such as base_url = "https://llm.example.com/v1", or name a preset',
    ),
    "an address that is none": Bad(
        '[provider]\ntype = "vllm"\nbase_url = "localhost:8000"\n',
        "provider.base_url: this is not an http or https address",
        "3:1",
        'such as "https://llm.example.com/v1"',
    ),
    "an address with a password": Bad(
        '[provider]\ntype = "vllm"\nbase_url = "https://me:test-key-not-secret@llm.example.com"\n',
        "provider.base_url: an address holds no user or password",
        "3:1",
        'write the key as api_key = "${VARIABLE}"',
    ),
    "two ways to sign in": Bad(
        '[provider]\ntype = "azure"\nbase_url = "https://x.openai.azure.com"\n'
        'api_key = "${K}"\nidentity = "managed"\n',
        "provider: api_key and identity are two ways to sign in",
        "5:1",
        "keep one of them",
        (("K", "test-key-not-secret"),),
    ),
    "half an application": Bad(
        '[provider]\ntype = "azure"\nbase_url = "https://x.openai.azure.com"\n'
        'client_secret = "${K}"\n',
        "provider: client_secret needs tenant_id and client_id beside it",
        "4:1",
        environ=(("K", "test-key-not-secret"),),
    ),
    "a number for a secret": Bad(
        '[provider]\ntype = "vllm"\napi_key = 3\n',
        "provider.api_key: expected a text, got a whole number",
        "3:1",
        "texts stand in quotes",
    ),
    "a number among models": Bad(
        '[provider]\ntype = "vllm"\nmodels = [\n  "a",\n  3,\n]\n',
        "provider.models[1]: expected a text, got a whole number",
        "5:3",
        "texts stand in quotes",
    ),
    "two providers of one name": Bad(
        '[[providers]]\ntype = "demo"\n[[providers]]\ntype = "demo"\n',
        'two providers are called "demo"',
        "3:1",
        'give one of them a "name"',
    ),
    "a name with a slash": Bad(
        '[provider]\ntype = "demo"\nname = "a/b"\n',
        'provider: "a/b" cannot be a provider\'s name',
        "3:1",
        "letters, digits, dot, dash and underscore: clients write name/model",
    ),
    "a capability that is none": Bad(
        '[provider]\ntype = "demo"\n[provider.capabilities."demo*"]\ntols = false\n',
        'provider.capabilities.demo*: there is no capability "tols"',
        "4:1",
        'did you mean "tools"?',
    ),
    "a capability of another kind": Bad(
        '[provider]\ntype = "demo"\n[provider.capabilities."demo*"]\ntools = 3\n',
        "provider.capabilities.demo*: capability 'tools' does not take 3; it wants true or false",
        "4:1",
    ),
    "a capability that is a list, as one word": Bad(
        '[provider]\ntype = "demo"\n[provider.capabilities."demo*"]\nsampling = "seed"\n',
        "provider.capabilities.demo*: capability 'sampling' does not take 'seed'; "
        "it wants a list of words",
        "4:1",
    ),
    "a capability that is no pattern": Bad(
        '[provider]\ntype = "demo"\n[provider.capabilities."demo*"]\ntool_names = "[a-z"\n',
        "provider.capabilities.demo*: capability 'tool_names' does not take '[a-z': "
        "unterminated character set at position 0",
        "4:1",
    ),
    "half an embedding": Bad(
        '[provider]\ntype = "demo"\n[provider.capabilities."demo*"]\nembedding_batch = 0.5\n',
        "provider.capabilities.demo*: capability 'embedding_batch' does not take 0.5; "
        "it wants a whole number",
        "4:1",
    ),
    "a route to nowhere": Bad(
        '[provider]\ntype = "demo"\n[[routes]]\nmodel = "x"\n'
        'targets = [{ provider = "dmo", model = "demo" }]\n',
        'routes[0].targets[0]: there is no provider "dmo"',
        "5:14",
        'did you mean "demo"?',
    ),
    "a route without targets": Bad(
        '[[routes]]\nmodel = "x"\ntargets = []\n',
        "routes[0].targets: expected a list of length >= 1",
        "3:1",
    ),
    "a route without a target at all": Bad(
        '[[routes]]\nmodel = "x"\n', 'routes[0]: "targets" is missing', "1:1"
    ),
    "a misspelt key of a target": Bad(
        '[[routes]]\nmodel = "x"\ntargets = [{ provder = "demo", model = "demo" }]\n',
        'routes[0].targets[0] has no key "provder"',
        "3:14",
        'did you mean "provider"?',
    ),
    "an alias that is taken": Bad(
        '[provider]\ntype = "demo"\n[[routes]]\nmodel = "x"\naliases = ["y", "x"]\n'
        'targets = [{ provider = "demo", model = "demo" }]\n',
        'two routes or aliases are called "x"',
        "5:17",
        "each name can mean one thing",
    ),
    "a key in the open": Bad(
        '[[keys]]\nname = "me"\nkey = "test-key-not-secret"\n',
        "keys[0]: a key does not stand in the file as it is",
        "3:1",
        'write hash = "sha256:…" as `modelmux keys hash` prints it, or key = "${VARIABLE}", '
        'or key = "${file:/path}"',
    ),
    "a hash that is none": Bad(
        '[[keys]]\nname = "me"\nhash = "abc"\n',
        "keys[0].hash: this is no hash of a key",
        "3:1",
        "as `modelmux keys hash` prints it",
    ),
    "a network that is none": Bad(
        '[media]\nallow_networks = ["10.0.0.1/8"]\n',
        "media.allow_networks[0]: 10.0.0.1/8 has host bits set",
        "2:19",
        'such as "10.1.0.0/16" or "10.1.2.3"',
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_tells_what_is_wrong_where_and_what_to_do(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_text(bad.text, tmp_path, dict(bad.environ))
    error = told.value
    assert (error.message, error.where, error.hint) == (
        bad.message,
        f"{tmp_path / 'modelmux.toml'}:{bad.place}",
        bad.hint,
    )


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_never_repeats_a_secret(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_text(bad.text, tmp_path, dict(bad.environ))
    error = told.value
    assert "test-key-not-secret" not in f"{error.message} {error.where} {error.hint}"


class BadVariable(NamedTuple):
    environ: dict[str, str]
    message: str
    variable: str
    hint: str | None


BAD_VARIABLES = [
    BadVariable(
        {"MODELMUX_SERVER__PROT": "1"},
        'server has no key "prot"',
        "MODELMUX_SERVER__PROT",
        'did you mean "port"?',
    ),
    BadVariable(
        {"MODELMUX_SERVR__PORT": "1"},
        'there is no section "servr"',
        "MODELMUX_SERVR__PORT",
        'did you mean "server"?',
    ),
    BadVariable(
        {"MODELMUX_SERVER__PORT": "many"},
        "server.port: expected a whole number, got a text",
        "MODELMUX_SERVER__PORT",
        None,
    ),
    BadVariable(
        {"MODELMUX_PROVIDERS__0__NAME": "x"},
        "providers[0].name is not there to be changed",
        "MODELMUX_PROVIDERS__0__NAME",
        None,
    ),
    BadVariable(
        {"PROVIDER_TYPE": "vertx"},
        'provider: there is no provider type "vertx"',
        "PROVIDER_TYPE",
        'did you mean "vertex"?',
    ),
    BadVariable(
        {"PROVIDER_TYPE": "openai_compatible"},
        "provider type openai_compatible needs OPENAI_BASE_URL",
        "PROVIDER_TYPE",
        "set OPENAI_BASE_URL or OPENAI_API_BASE, or write a modelmux.toml: modelmux init",
    ),
]


@pytest.mark.parametrize("bad", BAD_VARIABLES, ids=lambda bad: bad.variable)
def test_names_the_variable_that_is_wrong(bad: BadVariable, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_nothing(tmp_path, bad.environ)
    error = told.value
    assert (error.message, error.where, error.hint) == (
        bad.message,
        f"environment variable {bad.variable}",
        bad.hint,
    )


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_settings(tmp_path / "other.toml", PRESETS, None, surroundings(tmp_path))
    assert told.value.message == f"there is no file {tmp_path / 'other.toml'}"
    assert told.value.where == "--config"


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "modelmux.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_nothing(tmp_path)
