"""Workers come and go, configurations and code change, and callers notice nothing of it."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import typer

from modelmux.entrypoints.cli.running import ask_workers
from tests.support.command_line import modelmux
from tests.support.serving import ServedGateway, is_running, serving

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

WORDS = "one two three four five six seven eight nine ten"


def config(model: str, pace_s: float = 0.0, more: str = "") -> str:
    return f"""
{more}
[[providers]]
name = "demo"
type = "demo"
pace_s = {pace_s}

[[routes]]
model = "{model}"
targets = [{{ provider = "demo", model = "demo" }}]
"""


def body(model: str, *, stream: bool = False) -> str:
    messages = [{"role": "user", "content": WORDS if stream else "Hello"}]
    return json.dumps({"model": model, "messages": messages, "stream": stream})


def ask(gateway: ServedGateway, model: str) -> int:
    url = f"{gateway.url}/v1/chat/completions"
    return httpx.post(url, content=body(model), trust_env=False, timeout=20).status_code


def connect(gateway: ServedGateway) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)


def begin(
    connection: http.client.HTTPConnection, model: str, *, stream: bool = False
) -> http.client.HTTPResponse:
    connection.request("POST", "/v1/chat/completions", body(model, stream=stream))
    return connection.getresponse()


def until(happened: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def verb(gateway: ServedGateway, *words: str) -> tuple[int, str]:
    ended = modelmux(gateway.log.parent, *words, "--port", str(gateway.port), within_s=90)
    return ended.returncode, ended.stdout + ended.stderr


def events(gateway: ServedGateway) -> list[str]:
    lines = gateway.log.read_text().splitlines()
    return [json.loads(line)["event"] for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGateway]:
    """Two workers, which tests may reload and kill, and leave as good as they found them."""
    folder = tmp_path_factory.mktemp("pair")
    with serving(folder, config=config("m", 0.1), arguments=["--workers", "2"]) as gateway:
        until(lambda: len(gateway.workers()) == 2)
        yield gateway


def sockets_of(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    return sum(os.readlink(entry).startswith("socket:") for entry in folder.iterdir())


def test_all_workers_serve(pair: ServedGateway) -> None:
    before = {pid: sockets_of(pid) for pid in pair.workers()}
    connections = [socket.create_connection(("127.0.0.1", pair.port)) for _ in range(200)]
    try:
        until(lambda: sum(map(sockets_of, before)) >= sum(before.values()) + 200)
        assert all(sockets_of(pid) > count for pid, count in before.items())
    finally:
        for connection in connections:
            connection.close()


def test_every_worker_answers_what_it_is_asked(pair: ServedGateway) -> None:
    answers = ask_workers("ping", {}, port=pair.port)
    assert {int(str(answer["pid"])) for answer in answers} >= set(pair.workers())
    assert all(answer["running"] == 0 for answer in answers)


def test_a_worker_that_cannot_do_it_is_told(
    pair: ServedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        ask_workers("nonsense", {}, port=pair.port)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= len(pair.workers())
    assert all(line.endswith(": this worker knows no command nonsense") for line in lines)


def test_status_shows_the_processes(pair: ServedGateway) -> None:
    code, told = verb(pair, "status")
    assert code == 0
    assert str(pair.process.pid) in told
    assert all(str(pid) in told for pid in pair.workers())


def test_a_crashed_worker_is_replaced_and_takes_along_only_its_own_calls(
    pair: ServedGateway,
) -> None:
    with closing(connect(pair)) as first, closing(connect(pair)) as second:
        streams = [begin(one, "m", stream=True) for one in (first, second)]
        heads = [stream.readline() for stream in streams]
        assert all(head.startswith(b"data: ") for head in heads)
        victim, other = pair.workers()
        os.kill(victim, signal.SIGKILL)
        ends: list[bytes] = []
        for stream in streams:
            try:
                ends.append(stream.read())
            except (http.client.IncompleteRead, ConnectionResetError):
                continue  # it was the victim's
        assert all(end.endswith(b"data: [DONE]\n\n") for end in ends)
    assert [ask(pair, "m") for _ in range(10)] == [200] * 10
    until(lambda: len(pair.workers()) == 2)
    assert other in pair.workers()
    assert "worker_crashed" in events(pair)


def test_a_worker_that_is_told_to_go_is_replaced_before_it_does(pair: ServedGateway) -> None:
    victim, other = pair.workers()
    with closing(connect(pair)) as connection:
        stream = begin(connection, "m", stream=True)
        os.kill(victim, signal.SIGTERM)
        until(lambda: victim not in pair.workers("ready", "leaving"))
        assert len(pair.workers()) == 2
        assert stream.read().endswith(b"data: [DONE]\n\n")
    assert other in pair.workers()
    until(lambda: not is_running(victim))


@pytest.mark.parametrize("replace", ["reload", "upgrade"])
def test_running_calls_keep_what_they_began_with(pair: ServedGateway, replace: str) -> None:
    folder, before, pid = pair.log.parent, set(pair.workers()), pair.process.pid
    with closing(connect(pair)) as connection, closing(connect(pair)) as kept:
        begin(kept, "m").read()
        stream = begin(connection, "m", stream=True)
        (folder / "modelmux.toml").write_text(config("other", 0.1))
        code, told = verb(pair, replace)
        assert code == 0, told
        assert stream.read().endswith(b"data: [DONE]\n\n")
        # The connection was idle meanwhile: it is answered once more, as it was, and then closed.
        last = begin(kept, "m")
        assert (last.status, last.getheader("connection")) == (200, "close")
        last.read()
    assert (ask(pair, "other"), ask(pair, "m")) == (200, 404)
    assert pair.process.pid == pair.status()["pid"] == pid
    assert not before & set(pair.workers())
    until(lambda: not any(map(is_running, before)))
    (folder / "modelmux.toml").write_text(config("m", 0.1))
    pair.process.send_signal(signal.SIGHUP)
    until(lambda: ask(pair, "m") == 200)
    until(lambda: len(pair.workers()) == 2)


def test_a_bad_file_changes_nothing_and_says_where(pair: ServedGateway) -> None:
    file, before = pair.log.parent / "modelmux.toml", pair.workers()
    good = file.read_text()
    file.write_text(good.replace('provider = "demo"', 'provider = "nobody"'))
    code, told = verb(pair, "reload")
    assert code == 1
    assert f"{file}:10:" in told
    assert 'there is no provider "nobody"' in told
    file.write_text(config("m", more="[server]\nport = 1"))
    code, told = verb(pair, "reload")
    # --port of the start counts more than the file
    assert code == 0, told
    file.write_text(config("m", more='[server]\nhost = "127.0.0.2"'))
    code, told = verb(pair, "reload")
    assert (code, "cannot change while the gateway runs" in told) == (1, True)
    file.write_text(good)
    assert verb(pair, "reload")[0] == 0
    assert not set(before) & set(pair.workers())
    assert ask(pair, "m") == 200


def test_nobody_there_is_told(tmp_path: Path) -> None:
    ended = modelmux(tmp_path, "reload", "--port", "1")
    assert (ended.returncode, "no gateway of yours runs on port 1" in ended.stderr) == (1, True)


def test_a_killed_supervisor_leaves_the_port_and_its_calls_end_well(tmp_path: Path) -> None:
    with serving(tmp_path, config=config("m", 0.2)) as gateway, closing(connect(gateway)) as line:
        stream = begin(line, "m", stream=True)
        worker = gateway.worker()
        gateway.process.kill()
        gateway.process.wait(10)
        until(lambda: not accepts(gateway), 2)
        (tmp_path / "next").mkdir()
        with serving(tmp_path / "next", config=config("m"), port=gateway.port) as next_:
            assert ask(next_, "m") == 200
        assert stream.read().endswith(b"data: [DONE]\n\n")
        until(lambda: not is_running(worker))


def accepts(gateway: ServedGateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_ends_when_its_streams_have_and_says_so_to_the_rest(tmp_path: Path) -> None:
    more = "[server]\ndrain_grace_s = 1.5"
    more_of_it = '[[providers]]\nname = "slow"\ntype = "demo"\npace_s = 1.0\nmodels = ["demo"]\n'
    text = config("quick", 0.05, more) + more_of_it
    with (
        serving(tmp_path, config=text, arguments=["--workers", "2"]) as gateway,
        closing(connect(gateway)) as first,
        closing(connect(gateway)) as second,
    ):
        quick, slow = (
            begin(line, model, stream=True)
            for line, model in ((first, "quick"), (second, "slow/demo"))
        )
        run_folder = run_folder_of(gateway.workers()[0])
        assert run_folder.is_dir()
        gateway.process.send_signal(signal.SIGTERM)
        assert quick.read().endswith(b"data: [DONE]\n\n")
        end = slow.read()
        assert b'"code":"shutting_down"' in end
        assert b"[DONE]" not in end
        assert gateway.process.wait(10) == 0
    assert [one for one in events(gateway) if one in ("stopping", "stopped")] == [
        "stopping", "stopped",
    ]  # fmt: skip
    assert not run_folder.exists()


def run_folder_of(pid: int) -> Path:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return Path(
        next(one for one in variables if one.startswith(b"MODELMUX_RUN_DIR=")).decode()[17:]
    )


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, config=config("m", 1.0)) as gateway, closing(connect(gateway)) as line:
        begin(line, "m", stream=True)
        worker = gateway.worker()
        gateway.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert gateway.process.poll() is None
        gateway.process.send_signal(signal.SIGINT)
        gateway.process.wait(3)
        until(lambda: not is_running(worker), 2)


def test_several_workers_share_no_memory(tmp_path: Path) -> None:
    (tmp_path / "modelmux.toml").write_text(
        config("m", more='[server]\nworkers = 2\n\n[storage]\npath = ":memory:"')
    )
    ended = modelmux(tmp_path, "serve", "--port", "0")
    assert ended.returncode == 2
    assert "several workers cannot share a store that is in the memory of one" in ended.stderr
    assert f"{tmp_path / 'modelmux.toml'}:3:" in ended.stderr
