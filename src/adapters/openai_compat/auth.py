"""Keys that never change, in whatever header the upstream wants them."""

from ...application.ports import Credentials
from ...domain.secret import Secret


class StaticKey(Credentials):
    """A key in a header: `Authorization: Bearer <key>` unless told otherwise."""

    def __init__(
        self, secret: Secret, *, header: str = "authorization", scheme: str = "Bearer"
    ) -> None:
        self.secret = secret
        key = secret.reveal()
        self.fixed = (header.lower(), f"{scheme} {key}" if scheme else key)

    async def header(self) -> tuple[str, str]:
        return self.fixed

    def __repr__(self) -> str:
        return f"StaticKey({self.fixed[0]!r})"
