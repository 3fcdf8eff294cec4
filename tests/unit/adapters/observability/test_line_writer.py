import json
import os
import threading

from modelmux.adapters.observability.line_writer import LineWriter


def read_all(descriptor: int) -> bytes:
    data = b""
    while piece := os.read(descriptor, 65536):
        data += piece
    os.close(descriptor)
    return data


def test_lines_come_out_whole_and_in_order() -> None:
    reader, descriptor = os.pipe()
    collected: list[bytes] = []
    reading = threading.Thread(target=lambda: collected.append(read_all(reader)))
    reading.start()
    writer = LineWriter(descriptor)
    lines = [b"line %d %s\n" % (n, b"x" * (n % 7000)) for n in range(500)]
    for line in lines:
        writer.write(line)
    writer.close()
    os.close(descriptor)
    reading.join(5)
    assert collected == [b"".join(lines)]


def test_a_line_is_written_soon_without_closing() -> None:
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor)
    writer.write(b"soon\n")
    assert os.read(reader, 100) == b"soon\n"
    writer.write(b"again\n")
    assert os.read(reader, 100) == b"again\n"
    writer.close()
    os.close(descriptor)
    os.close(reader)


def test_a_stuck_sink_costs_lines_and_no_time_and_their_number_is_told() -> None:
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor, max_waiting_bytes=200_000)
    line = b"x" * 999 + b"\n"
    for _ in range(1000):  # 1 MB into a pipe of 64 KB that nobody reads: must not block
        writer.write(line)
    collected: list[bytes] = []
    reading = threading.Thread(target=lambda: collected.append(read_all(reader)))
    reading.start()
    writer.close(5)
    os.close(descriptor)
    reading.join(5)
    *lines, last = collected[0].splitlines(keepends=True)
    told = json.loads(last)
    assert told["event"] == "log_lines_dropped"
    assert set(lines) == {line}
    assert len(lines) + told["count"] == 1000
    assert told["count"] >= 700


def test_closing_does_not_wait_for_ever_on_a_stuck_sink() -> None:
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor)
    for _ in range(200):
        writer.write(b"x" * 1000)
    writer.close(0.2)
    read_some = threading.Thread(target=read_all, args=(reader,), daemon=True)
    read_some.start()
    writer.close(5)
    os.close(descriptor)
    read_some.join(5)


def test_a_reader_who_has_gone_harms_nobody() -> None:
    reader, descriptor = os.pipe()
    os.close(reader)
    writer = LineWriter(descriptor)
    writer.write(b"lost\n")
    writer.close()
    writer.close()
    writer.write(b"late\n")
    os.close(descriptor)
