"""What stores refuse because it is over a limit or there already, in the same words."""

from ...domain.errors import InvalidRequest, StoreError


def too_large(size_bytes: int, most_bytes: int) -> InvalidRequest:
    return InvalidRequest(
        f"The response takes {size_bytes} bytes with its input, and at most {most_bytes} are kept."
        " Send less, or set store to false.",
        reason="response_too_large",
    )


def too_many_items(most: int) -> InvalidRequest:
    return InvalidRequest(
        f"The conversation would hold more than {most} items. Begin another.",
        param="conversation",
        reason="conversation_too_long",
    )


def item_is_there(item_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"The conversation has an item with the id {item_id[:200]!r} already.",
        param="items",
        reason="duplicate_item",
    )


def id_is_taken() -> StoreError:
    return StoreError("Something is kept under this id already.")


def events_out_of_order(number: int, expected: int) -> StoreError:
    return StoreError(
        "The events of a response came out of their order.",
        detail=f"number {number} where {expected} was due",
    )
