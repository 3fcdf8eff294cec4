"""A call's signature as botocore makes it, for a moment that is given."""

from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # as above
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # as above


def botocore_signature(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    keys: tuple[str, str, str | None],
    service: str,
    region: str,
) -> str:
    """Return the signature over `headers`, which are all that is signed but for the host.

    `keys` are access key, secret key and session token.
    """
    # Any: the library has no types.
    request: Any = AWSRequest(method, url, data=body, headers=dict(headers))
    request.context["timestamp"] = headers["x-amz-date"]
    signer: Any = SigV4Auth(Credentials(*keys), service, region)
    canonical = signer.canonical_request(request)
    signature: str = signer.signature(signer.string_to_sign(request, canonical), request)
    return signature
