"""What callers can do to the gateway and to each other."""

import json
import socket
import time

import pytest

from tests.support.hostile import (
    CLAUDE,
    DEMO,
    GEMINI,
    LANES,
    RELAYED,
    House,
    Json,
    asking,
    error_of,
    others_asking,
    request_bytes,
)

translated = pytest.mark.parametrize("model", [CLAUDE, GEMINI, DEMO])


def nested(depth: int) -> str:
    """Return a schema as text: the standard library's encoder is no deeper than we are."""
    return '{"type":"object","properties":{"a":' * depth + "{}" + "}}" * depth


def calling(model: str, ids: list[str], answered: list[str], arguments: str = "{}") -> Json:
    function = {"name": "f", "arguments": arguments}
    calls = [{"id": id_, "type": "function", "function": function} for id_ in ids]
    results = [{"role": "tool", "tool_call_id": id_, "content": "r"} for id_ in answered]
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": calls},
        *results,
    ]
    return {"model": model, "messages": messages}


@translated
@pytest.mark.parametrize("depth", [300, 450, 900])
def test_a_schema_however_deep_is_no_fault_of_ours(house: House, model: str, depth: int) -> None:
    schema = nested(depth)
    begin = json.dumps(asking(model))[:-1]
    tool = f'{{"type":"function","function":{{"name":"f","strict":true,"parameters":{schema}}}}}'
    form = f'{{"name":"n","strict":true,"schema":{schema}}}'
    for param, text in (
        ("tools", f'{begin},"tools":[{tool}]}}'),
        (
            "response_format",
            f'{begin},"response_format":{{"type":"json_schema","json_schema":{form}}}}}',
        ),
    ):
        answer = house.post(text.encode())
        assert answer.status_code in (200, 400)
        if answer.status_code == 400:
            error = error_of(answer)
            # Beyond what the decoder follows, no member has been told from another yet.
            assert error["param"] == param or error["code"] == "invalid_json"


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
def test_arguments_however_deep_are_no_fault_of_ours(house: House, model: str) -> None:
    deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
    answer = house.post(calling(model, ["1"], ["1"], deep))
    assert answer.status_code == 400
    assert error_of(answer)["param"].startswith("messages")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**11},
        {"type": "integer", "minimum": 1e308, "multipleOf": 1e-308},
        {"type": "integer", "multipleOf": 5e-324},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$ref": "#/$defs/0"},
    ],
)
def test_a_schema_that_explodes_is_refused_by_the_demo(house: House, schema: Json) -> None:
    wide = {
        str(level): {
            "type": "object",
            "properties": {f"x{j}": {"$ref": f"#/$defs/{level + 1}"} for j in range(10)},
            "required": [f"x{j}" for j in range(10)],
        }
        for level in range(9)
    }
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"], "$defs": wide}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": whole}}
    with others_asking(house) as others:
        answer = house.post(asking(DEMO, response_format=form))
    assert (answer.status_code, error_of(answer)["code"]) == (400, "unsupported_parameter")
    assert others.slowest_s < 0.25


def test_thousands_of_results_in_any_order_cost_no_square(house: House) -> None:
    ids = [str(number) for number in range(12_000)]
    began = time.monotonic()
    assert house.post(calling(RELAYED, ids, ids[::-1])).status_code == 200
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("data:image/png" + ";a=b" * 2_000_000, 400),
        ("data:image/png;base64," + "ab " * 3_000_000, 200),
    ],
    ids=["parameters", "spaces"],
)
def test_a_strange_data_url_holds_up_nobody(house: House, url: str, status: int) -> None:
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    body = json.dumps({"model": CLAUDE, "messages": [{"role": "user", "content": parts}]}).encode()
    with others_asking(house) as others:
        assert house.post(body).status_code == status
    assert others.slowest_s < 0.25


def test_definitions_of_many_megabytes_are_refused(house: House) -> None:
    lists = b",".join([b"[]"] * 2_000_000)
    tool = b'{"type":"function","function":{"name":"f","parameters":{"enum":[%b]}}}' % lists
    body = json.dumps(asking(RELAYED)).encode()[:-1] + b',"tools":[%b]}' % tool
    answer = house.post(body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, "tools")


def test_large_bodies_at_once_hold_up_nobody_for_long(house: House) -> None:
    body = json.dumps(asking(RELAYED, "x" * (24 * 2**20))).encode()
    connections = [house.connect() for _ in range(4)]
    with others_asking(house) as others:
        for connection in connections:
            connection.sendall(request_bytes(body))
        for connection in connections:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.close()
    assert others.slowest_s < 0.5  # 250 ms where callers and upstream have cores of their own


def test_a_body_in_chunks_of_one_byte_holds_up_nobody(house: House) -> None:
    content = json.dumps(asking(RELAYED, "x" * 500_000)).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in content) + b"0\r\n\r\n"
    head = request_bytes(b"", b"Transfer-Encoding: chunked")
    with others_asking(house) as others, house.connect() as connection:
        connection.sendall(head + chunks)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert others.slowest_s < 0.25


def until_closed(connection: socket.socket) -> bytes:
    data = b""
    while more := connection.recv(65536):
        data += more
    return data


@pytest.mark.parametrize("ahead", [b"", request_bytes(asking(DEMO))], ids=["none", "one"])
def test_nonsense_behind_a_running_stream_is_refused_after_it(house: House, ahead: bytes) -> None:
    with house.connect() as connection:
        connection.sendall(request_bytes(asking(RELAYED, "@@slow-stream@@ MARK-5", stream=True)))
        begin = connection.recv(65536)
        assert begin.startswith(b"HTTP/1.1 200 ")
        connection.sendall(ahead + b"NONSENSE\r\n\r\n")
        answers = (begin + until_closed(connection)).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", *([b"200"] if ahead else []), b"400"]
    assert b"MARK-5" in answers[0]
    assert answers[0].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_who_pipelines_and_leaves_leaves_no_trouble_behind(house: House) -> None:
    connection = house.connect()
    connection.sendall(
        request_bytes(asking(RELAYED, "@@slow-stream@@", stream=True)) + request_bytes(asking(DEMO))
    )
    connection.recv(65536)
    connection.close()
    time.sleep(0.8)
    log = house.gateway.log.read_text()
    assert "unexpected_error" not in log
    assert "Traceback" not in log


def test_http_1_0_gets_a_stream_without_chunks(house: House) -> None:
    with house.connect() as connection:
        connection.sendall(request_bytes(asking(RELAYED, "MARK-6", stream=True), version=b"1.0"))
        head, _, body = until_closed(connection).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


def test_who_never_reads_holds_back_the_upstream_and_is_let_go(house: House) -> None:
    connections = [house.connect() for _ in range(12)]
    open_before = house.upstream.open
    for number, connection in enumerate(connections):
        model = LANES[number % len(LANES)]
        connection.sendall(request_bytes(asking(model, "@@endless@@ MARK-7", stream=True)))
    time.sleep(2)
    resident_kb = house.resident_kb()
    with others_asking(house) as others:
        time.sleep(1)
    assert house.resident_kb() - resident_kb < 24 * 1024
    assert others.slowest_s < 0.25
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 3
    while house.upstream.open > open_before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert house.upstream.open <= open_before


def test_a_refused_image_names_the_messages(house: House) -> None:
    for url in ("http://127.0.0.1/", "http://2130706433/", "http://user@example.com/"):
        parts = [{"type": "image_url", "image_url": {"url": url}}]
        answer = house.post({"model": GEMINI, "messages": [{"role": "user", "content": parts}]})
        error = error_of(answer)
        assert (answer.status_code, error["param"]) == (400, "messages")
        assert error["code"] == "invalid_image_url"


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "../../x", "a b?c#d", "\u202e\u0000"])
def test_a_models_name_makes_neither_header_nor_path(house: House, name: str) -> None:
    for prefix in ("relayed/", "vertex/claude-", "vertex/gemini-"):
        answer = house.ask(prefix + name, "hi")
        assert answer.status_code in (200, 404)
        assert "x-evil" not in answer.headers
