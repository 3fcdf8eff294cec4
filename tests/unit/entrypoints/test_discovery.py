"""What a machine is found to have."""

import socket
from pathlib import Path

import pytest

from modelmux.entrypoints.settings.discovery import ask_local, look_around

SECRET = "test-key-not-secret"
VLLM_MODELS = b'{"object":"list","data":[{"id":"m","object":"model","owned_by":"vllm"}]}'


def nobody(port: int, path: str) -> bytes | None:
    return None


@pytest.mark.parametrize(
    ("environ", "kinds"),
    [
        ({}, ["demo"]),
        ({"OPENAI_API_KEY": SECRET}, ["openai"]),
        ({"AZURE_OPENAI_ENDPOINT": "https://x", "AZURE_OPENAI_API_KEY": SECRET}, ["azure"]),
        ({"AZURE_OPENAI_ENDPOINT": "https://x"}, ["demo"]),
        ({"ANTHROPIC_API_KEY": SECRET}, ["anthropic"]),
        ({"GEMINI_API_KEY": SECRET}, ["gemini"]),
        ({"GOOGLE_API_KEY": SECRET}, ["gemini"]),
        ({"AWS_BEARER_TOKEN_BEDROCK": SECRET, "AWS_REGION": "eu-west-1"}, ["bedrock"]),
        ({"AWS_BEARER_TOKEN_BEDROCK": SECRET}, ["demo"]),
        (
            {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "x"},
            ["bedrock"],
        ),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_REGION": "x"}, ["demo"]),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_REGION": "x"}, ["bedrock"]),
        ({"AWS_REGION": "x"}, ["demo"]),
        ({"CO_API_KEY": SECRET}, ["cohere"]),
        ({"COHERE_API_KEY": SECRET}, ["cohere"]),
        ({"HF_TOKEN": SECRET}, ["huggingface"]),
        ({"OPENAI_API_KEY": SECRET, "ANTHROPIC_API_KEY": SECRET}, ["openai", "anthropic"]),
    ],
    ids=lambda value: "+".join(value) or "nothing",
)
def test_variables_name_their_provider(
    environ: dict[str, str], kinds: list[str], tmp_path: Path
) -> None:
    found = look_around({"HOME": str(tmp_path), **environ}, nobody, lambda _: True)
    assert [provider.table["type"] for provider in found.providers] == kinds


def test_a_vendors_address_goes_with_its_key(tmp_path: Path) -> None:
    environ = {"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_BASE_URL": "https://claude.example.com"}
    provider = look_around({"HOME": str(tmp_path), **environ}, nobody).providers[0]
    assert provider.table == {
        "type": "anthropic",
        "api_key": "${ANTHROPIC_API_KEY}",
        "base_url": "${ANTHROPIC_BASE_URL}",
    }


def test_aws_credentials_are_found_in_their_file_and_need_a_region(tmp_path: Path) -> None:
    file = tmp_path / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text("[default]\n")
    home = {"HOME": str(tmp_path)}
    without = look_around(home, nobody)
    assert [provider.table["type"] for provider in without.providers] == ["demo"]
    assert "no region: set AWS_REGION" in without.remarks[0]
    around = {**home, "AWS_REGION": "us-east-1"}
    unsigned = look_around(around, nobody, lambda _: False)
    assert [provider.table["type"] for provider in unsigned.providers] == ["demo"]
    assert 'pip install "modelmux[aws]"' in unsigned.remarks[0]
    provider = look_around(around, nobody, lambda _: True).providers[0]
    assert provider.table == {"type": "bedrock", "region": "${AWS_REGION}"}
    assert str(file) in provider.told


def test_googles_credentials_are_found_where_gcloud_leaves_them(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    provider = look_around({"HOME": str(tmp_path), "GOOGLE_CLOUD_PROJECT": "p"}, nobody).providers[
        0
    ]
    assert provider.table == {"type": "vertex", "project": "${GOOGLE_CLOUD_PROJECT}"}
    assert str(file) in provider.told


def test_googles_credentials_are_found_where_the_variable_points(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    environ = {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    assert look_around(environ, nobody).providers[0].table["type"] == "demo"
    file.write_text("{}")
    assert look_around(environ, nobody).providers[0].table["type"] == "vertex"


def test_local_servers_are_told_apart(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}

    def vllm(port: int, path: str) -> bytes | None:
        return VLLM_MODELS if (port, path) == (8000, "/v1/models") else None

    def another(port: int, path: str) -> bytes | None:
        return b"<html>" if port == 8000 else None

    def ollama(port: int, path: str) -> bytes | None:
        return b'{"version":"1"}' if (port, path) == (11434, "/api/version") else None

    kinds = [
        [provider.table["type"] for provider in look_around(environ, ask).providers]
        for ask in (vllm, another, ollama)
    ]
    assert kinds == [["vllm"], ["demo"], ["ollama"]]


def test_no_secret_is_copied_out_of_the_environment(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "OPENAI_API_KEY": SECRET,
        "AZURE_OPENAI_ENDPOINT": "https://x",
        "AZURE_OPENAI_API_KEY": SECRET,
        "ANTHROPIC_API_KEY": SECRET,
        "AWS_BEARER_TOKEN_BEDROCK": SECRET,
        "AWS_REGION": "us-east-1",
    }
    assert SECRET not in repr(look_around(environ, nobody))


def test_a_server_that_hangs_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert ask_local(silent.getsockname()[1], "/v1/models") is None


def test_a_port_where_nobody_listens_is_no_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert ask_local(port, "/v1/models") is None


def test_tells_of_google_credentials_that_are_not_there(tmp_path: Path) -> None:
    named = str(tmp_path / "key.json")
    environ = {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": named}
    found = look_around(environ, nobody)
    assert found.remarks == (f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is no file",)
    (tmp_path / "key.json").write_text("{}")
    assert look_around(environ, nobody).remarks == ()
