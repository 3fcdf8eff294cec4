"""Which credentials file is taken, and what is read off it."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelmux.adapters.vertex.credential_file import find_credential_file, read_credential_file
from modelmux.adapters.vertex.credentials import load
from modelmux.domain.errors import ConfigurationError

USER = {
    "type": "authorized_user",
    "client_id": "id",
    "client_secret": "client-secret-not-secret",
    "refresh_token": "refresh-token-not-secret",
}


def write(path: Path, info: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info))
    return path


def test_the_configured_file_then_the_variables_then_gclouds(tmp_path: Path) -> None:
    configured = write(tmp_path / "configured.json", USER)
    named = write(tmp_path / "named.json", USER)
    known = write(tmp_path / "gcloud/application_default_credentials.json", USER)
    environment = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(named),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
    }
    first = find_credential_file(str(configured), environment)
    second = find_credential_file(None, environment)
    third = find_credential_file(None, {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")})
    assert first is not None
    assert second is not None
    assert third is not None
    assert [first.path, second.path, third.path] == [configured, named, known]
    assert second.source == "GOOGLE_APPLICATION_CREDENTIALS"


def test_no_file_anywhere_is_no_error(tmp_path: Path) -> None:
    assert find_credential_file(None, {"HOME": str(tmp_path)}) is None
    assert find_credential_file(None, {}) is None


@pytest.mark.parametrize("configured", [True, False])
def test_a_named_file_that_is_not_there_is_an_error_with_a_way_out(
    tmp_path: Path, configured: bool
) -> None:
    missing = str(tmp_path / "missing.json")
    named = {} if configured else {"GOOGLE_APPLICATION_CREDENTIALS": missing}
    with pytest.raises(ConfigurationError, match=r"missing\.json") as caught:
        find_credential_file(missing if configured else None, named)
    assert caught.value.where
    assert "gcloud auth application-default login" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("info", "project"),
    [
        ({"type": "service_account", "project_id": "p1", "quota_project_id": "q"}, "p1"),
        ({"type": "authorized_user", "quota_project_id": "q"}, "q"),
        ({"type": "authorized_user"}, None),
        (
            {
                "type": "external_account",
                "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/"
                "projects/-/serviceAccounts/a@p2.iam.gserviceaccount.com:generateAccessToken",
            },
            "p2",
        ),
        ({"type": "external_account", "workforce_pool_user_project": "p3"}, "p3"),
        ({"type": "authorized_user", "quota_project_id": 7}, None),
    ],
)
def test_the_project_is_read_off_the_file(
    tmp_path: Path, info: dict[str, Any], project: str | None
) -> None:
    assert read_credential_file(write(tmp_path / "file.json", info), "a test").project == project


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"type": 1}', '{"type": null}'])
def test_what_is_no_credentials_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        read_credential_file(path, "a test")


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    file = read_credential_file(write(tmp_path / "file.json", USER), "a test")
    assert "not-secret" not in repr(file)


@pytest.mark.parametrize(
    "info",
    [
        {"type": "mystery"},
        {"type": "service_account"},
        {"type": "service_account", "client_email": "a@b", "private_key": "no-key-not-secret"},
        {"type": "authorized_user", "client_id": "id"},
        {"type": "external_account"},
        {"type": "external_account", "credential_source": 7},
        {"type": "impersonated_service_account"},
        {"type": "impersonated_service_account", "source_credentials": []},
        {
            "type": "impersonated_service_account",
            "source_credentials": {"type": "mystery"},
            "service_account_impersonation_url": "https://host/a:generateAccessToken",
        },
    ],
)
def test_incomplete_credentials_are_refused_without_telling_secrets(
    tmp_path: Path, info: dict[str, Any]
) -> None:
    file = read_credential_file(write(tmp_path / "file.json", info), "a test")
    with pytest.raises(ConfigurationError, match=r"file\.json") as caught:
        load(file)
    assert "not-secret" not in caught.value.message
