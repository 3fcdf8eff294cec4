"""Whether a conversation can fit into the context that the server was asked to make."""

from typing import Final

from ...application.estimating import estimate_tokens
from ...domain.errors import ContextTooLong
from ...domain.request import Generation
from .encode import Defaults

# An estimate may be a third too high; what is beyond this does not fit by any count.
_SURELY: Final = 1.5


def check_room(content: Generation, defaults: Defaults) -> None:
    """Refuse what cannot fit: servers before 0.12.6 would cut its begin off, and tell nobody.

    What is nearer to the limit is counted by newer servers, which refuse it themselves.

    Raises:
        ContextTooLong: by any count.
    """
    room = defaults.num_ctx
    if room is None:
        return
    about = estimate_tokens(content)
    if about > room * _SURELY:
        raise ContextTooLong(
            f"The conversation has about {about} tokens, and the model was given a context of "
            f"{room} (num_ctx)."
        )
