"""The wire languages that callers speak to us, in one table: for who serves them, and who reads."""

from typing import Any, TypeAlias

from ..application.ports import Sealer
from .chat_completions.handler import CHAT_COMPLETIONS
from .client_dialect import ClientDialect
from .embeddings.handler import EMBEDDINGS
from .messages.handler import messages_dialect
from .relayed import COMPLETIONS
from .responses.handler import responses_dialect

# Any: the envelope, which only the dialect itself looks into
Dialects: TypeAlias = tuple[ClientDialect[Any], ...]


def client_dialects(sealer: Sealer) -> Dialects:
    """Return every dialect; what clients carry for us is sealed by `sealer`."""
    return (
        CHAT_COMPLETIONS,
        COMPLETIONS,
        EMBEDDINGS,
        responses_dialect(sealer),
        messages_dialect(sealer),
    )
