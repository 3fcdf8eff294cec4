"""Makes google-auth's credentials out of a file, each kind by its own loader.

Not `google.auth.default`: it starts a gcloud process, warns on stderr, needs `requests`, and
does not say what it found. A kind's module is imported when a file is of that kind: they take a
tenth of a second and 13 MB, which the metadata server needs nothing of.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from google.auth.exceptions import GoogleAuthError

from ...domain.errors import ConfigurationError
from .credential_file import CredentialFile

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_Info = Mapping[str, Any]  # Any: JSON of a credentials file


class Refreshable(Protocol):
    """The part of google-auth's credentials that we use; `expiry` is a naive time in UTC."""

    token: Any  # Any: text once it was refreshed
    expiry: Any  # Any: datetime or None

    def refresh(self, request: Any) -> None: ...  # Any: google-auth's transport


def load(file: CredentialFile) -> Refreshable:
    """Return credentials of the file's kind, not yet signed in.

    Raises:
        ConfigurationError: we do not know the kind, or the file lacks what it needs.
    """
    loader = _LOADERS.get(file.kind)
    if loader is None:
        raise ConfigurationError(
            f"{file.path} holds Google credentials of an unknown type {file.kind!r}; "
            f"known are {', '.join(_LOADERS)}",
            where=file.source,
        )
    try:
        loaded: Refreshable = loader(file.info)
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
        # What is missing is told; what is there may be a key and is not.
        raise ConfigurationError(
            f"the Google credentials in {file.path} ({file.kind}) are not complete: "
            f"{type(error).__name__}",
            where=file.source,
            hint="download or create the file again",
        ) from error
    return loaded


def impersonate(source: Refreshable, account: str, url: str | None = None) -> Refreshable:
    """Return credentials of the service account `account`, made with those of `source`."""
    made: Refreshable = _kind(_IMPERSONATED)(source, account, [SCOPE], iam_endpoint_override=url)
    return made


_IMPERSONATED = "auth.impersonated_credentials"


def _kind(module: str) -> Any:  # Any: google-auth says that it is typed, and its functions are not
    """Return the class of one of google-auth's modules."""
    return import_module(f"google.{module}").Credentials


def _load_service_account(info: _Info) -> Any:
    return _kind("oauth2.service_account").from_service_account_info(info, scopes=[SCOPE])


def _load_user(info: _Info) -> Any:
    # No scopes: a refresh may not ask for others than the person once agreed to.
    loaded = _kind("oauth2.credentials").from_authorized_user_info(info)
    return loaded.with_token_uri(info["token_uri"]) if info.get("token_uri") else loaded


def _load_workforce_user(info: _Info) -> Any:
    return _kind("auth.external_account_authorized_user").from_info(info)


def _load_external(info: _Info) -> Any:
    if info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        return _kind("auth.aws").from_info(info, scopes=[SCOPE])
    if "executable" in (info.get("credential_source") or {}):
        return _kind("auth.pluggable").from_info(info, scopes=[SCOPE])
    return _kind("auth.identity_pool").from_info(info, scopes=[SCOPE])


def _load_impersonated(info: _Info) -> Any:
    source = info["source_credentials"]
    url: str = info["service_account_impersonation_url"]
    return _kind(_IMPERSONATED)(
        _LOADERS[source["type"]](source),
        url.rpartition("/")[2].removesuffix(":generateAccessToken"),
        [SCOPE],
        delegates=info.get("delegates"),
        iam_endpoint_override=url,
    )


_LOADERS: dict[str, Callable[[_Info], Any]] = {
    "service_account": _load_service_account,
    "authorized_user": _load_user,
    "external_account": _load_external,
    "external_account_authorized_user": _load_workforce_user,
    "impersonated_service_account": _load_impersonated,
}
