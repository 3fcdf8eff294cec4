"""The wire languages clients speak to us."""

from enum import StrEnum


class Dialect(StrEnum):
    """A wire language a client speaks to us, and some upstreams speak too."""

    CHAT_COMPLETIONS = "chat_completions"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
