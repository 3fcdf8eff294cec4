"""Which file holds Google credentials, and what can be read off it without signing in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ...domain.errors import ConfigurationError

CREDENTIALS_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_WELL_KNOWN = "application_default_credentials.json"
_ACCOUNT_PROJECT = re.compile(r"/serviceAccounts/[^@/]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com:")

_decode = msgspec.json.Decoder(dict[str, Any]).decode  # Any: JSON


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """A credentials file; `source` says for people why it is this one.

    `project` is the one it was made for or, for a person's credentials, their quota project.
    """

    path: Path
    source: str
    kind: str
    project: str | None
    quota_project: str | None
    principal: str | None
    info: Mapping[str, Any] = field(repr=False)  # Any: JSON, read by google-auth; holds secrets


def gcloud_folder(environment: Mapping[str, str]) -> Path | None:
    """Return gcloud's folder, which may not exist; None if there is no home to look in."""
    if environment.get("CLOUDSDK_CONFIG"):
        return Path(environment["CLOUDSDK_CONFIG"])
    if environment.get("APPDATA"):
        return Path(environment["APPDATA"], "gcloud")
    home = environment.get("HOME")
    return Path(home, ".config", "gcloud") if home else None


def find_credential_file(
    configured: str | None, environment: Mapping[str, str]
) -> CredentialFile | None:
    """Return the first of: the configured file, the variable's, gcloud's; None if there is none.

    Raises:
        ConfigurationError: a file was named and cannot be read, or is no credentials file.
    """
    if configured:
        return read_credential_file(Path(configured), "credentials_file in the configuration")
    if environment.get(CREDENTIALS_VARIABLE):
        return read_credential_file(Path(environment[CREDENTIALS_VARIABLE]), CREDENTIALS_VARIABLE)
    folder = gcloud_folder(environment)
    if folder is not None and (folder / _WELL_KNOWN).is_file():
        return read_credential_file(
            folder / _WELL_KNOWN, "gcloud's application-default credentials"
        )
    return None


def read_credential_file(path: Path, source: str) -> CredentialFile:
    """Return what the file tells.

    Raises:
        ConfigurationError: it cannot be read, or is no credentials file.
    """
    try:
        info = _decode(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"the Google credentials file {path} cannot be read: {error.strerror}",
            where=source,
            hint="name a file that exists, or sign in with `gcloud auth application-default login`",
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"the Google credentials file {path} is not a JSON object", where=source
        ) from error
    kind = _text(info, "type")
    if kind is None:
        raise ConfigurationError(
            f"{path} is no Google credentials file: it has no `type`",
            where=source,
            hint="it should be a service account's key, what `gcloud auth application-default "
            "login` writes, or a workload identity configuration",
        )
    impersonated = _ACCOUNT_PROJECT.search(_text(info, "service_account_impersonation_url") or "")
    project = (
        _text(info, "project_id")
        or _text(info, "project")
        or (impersonated and impersonated.group(1))
        or _text(info, "quota_project_id")
        or _text(info, "workforce_pool_user_project")
    )
    return CredentialFile(
        path=path,
        source=source,
        kind=kind,
        project=project or None,
        quota_project=_text(info, "quota_project_id"),
        principal=_text(info, "client_email") or _text(info, "account"),
        info=info,
    )


def _text(info: Mapping[str, Any], name: str) -> str | None:  # Any: JSON
    value = info.get(name)
    return value if isinstance(value, str) and value else None
