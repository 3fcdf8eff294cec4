"""The arguments of a remembered call, for languages that take an object in place of text."""

import msgspec
from msgspec import Raw

from ...domain.conversation import ToolCall
from ...domain.refusals import refuse_free_text

_is_object = msgspec.json.Decoder(dict[str, Raw]).decode


def encode_arguments(call: ToolCall) -> bytes:
    """Return the JSON object of `call`, letter by letter as the model wrote it; `{}` for none.

    Raises:
        UnsupportedFeature: it takes free text, which was to be said otherwise before.
    """
    refuse_free_text(call)
    arguments = call.arguments.encode() or b"{}"
    try:
        _is_object(arguments)
    except msgspec.DecodeError:
        # A model once broke off, or erred: its words are kept where it can see them.
        return msgspec.json.encode({"unparsed_arguments": call.arguments})
    return arguments
