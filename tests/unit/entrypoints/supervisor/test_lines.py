import pytest

from modelmux.entrypoints.supervisor.lines import MAX_LINE_BYTES, Broken, Lines, Message, encode


def test_messages_come_out_as_they_went_in_however_they_are_cut() -> None:
    told: list[Message] = [{"say": "ready"}, {"say": "failed", "message": "a\nb", "code": 2}]
    data = b"".join(encode(message) for message in told)
    for size in (1, 7, len(data)):
        lines = Lines()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert [message for piece in pieces for message in lines.feed(piece)] == told


@pytest.mark.parametrize("data", [b"{]\n", b"[1]\n", b"\n", b"x" * (MAX_LINE_BYTES + 1)])
def test_what_is_no_message_is_not_guessed_at(data: bytes) -> None:
    with pytest.raises(Broken):
        Lines().feed(data)
