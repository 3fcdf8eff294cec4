"""What went wrong at sign-in, said so that a person knows what to do. Pure.

The messages reach callers and so name no file, account or address; those are in `detail`.
"""

from google.auth.exceptions import GoogleAuthError, TransportError

from ...domain.errors import (
    ConfigurationError,
    ProviderError,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamUnreachable,
)
from .metadata import MetadataAbsent

NO_CREDENTIALS = (
    "No Google credentials were found. Set credentials_file or GOOGLE_APPLICATION_CREDENTIALS to "
    "a service account's key file, or run `gcloud auth application-default login`, or run the "
    "gateway on Google Cloud with a service account."
)
_DETAIL_LENGTH = 300
_SIGN_IN_AGAIN = ("authorized_user", "external_account_authorized_user")


def explain_sign_in_error(error: GoogleAuthError, kind: str, *, in_trouble: bool) -> ProviderError:
    """Return our error for google-auth's.

    `kind` is the type of the credentials file, if any; `in_trouble` whether the last call failed
    for want of an answer or with a status that says nothing about our credentials.
    """
    # Only the first argument is prose: the others may be the whole answer, tokens and all.
    text = str(error.args[0]) if error.args else ""
    detail = f"{kind or 'metadata server'}: {text[:_DETAIL_LENGTH]}"
    if isinstance(error, MetadataAbsent):
        return UpstreamAuthFailed(NO_CREDENTIALS, detail=detail)
    if isinstance(error, TransportError):
        return UpstreamUnreachable("Google's sign-in server does not answer.", detail=detail)
    if in_trouble:
        return UpstreamFailed("Google's sign-in server is failing.", detail=detail)
    return UpstreamAuthFailed(_refusal(text, kind), detail=detail)


def explain_broken_answer(error: Exception, kind: str) -> ProviderError:
    """Return the error for an answer of no shape that google-auth knows."""
    return UpstreamFailed(
        "Google's sign-in server answered with something that is no token.",
        detail=f"{kind or 'metadata server'}: {type(error).__name__}",
    )


def explain_bad_file(error: ConfigurationError) -> ProviderError:
    return UpstreamAuthFailed(
        "The gateway's Google credentials file cannot be used; its log and `modelmux doctor` "
        "say why.",
        detail=error.message,
    )


def _refusal(text: str, kind: str) -> str:
    if "invalid_grant" in text or "invalid_rapt" in text or "eauthentication" in text:
        if kind in _SIGN_IN_AGAIN:
            return (
                "Google no longer accepts the gateway's user credentials: they expired or were "
                "revoked. Run `gcloud auth application-default login` where the gateway runs."
            )
        return (
            "Google does not accept the gateway's service account key: it was deleted or "
            "disabled, or the clock of the machine is wrong. Create a new key, or check the time."
        )
    if "impersonated" in text:
        return (
            "The gateway's Google credentials may not act as the service account to impersonate: "
            "grant them the role Service Account Token Creator on it."
        )
    if kind == "external_account":
        return (
            "Google does not accept the gateway's workload identity. Check the pool, the "
            "provider and the file or address that its token comes from."
        )
    return "Google refused to sign the gateway in; its log and `modelmux doctor` say why."
