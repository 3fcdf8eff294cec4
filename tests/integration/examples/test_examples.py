"""Every example runs as a user would run it, against the demo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node import PACKAGE, node_or_skip, run_node
from tests.support.serving import ServedGateway

EXAMPLES = Path(__file__).parents[3] / "examples"
EXPECTED = {
    "basic": ["You said: Say hello."],
    "streaming": ["You said: Tell me a short story.", "tokens in"],
    "tools": ["[the model calls get_weather(", "18 degrees and sunny in"],
    "structured_output": ["inhabitants, by the sea:"],
}


def _environment(gateway: ServedGateway) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "MODELMUX_URL": f"{gateway.url}/v1"}


def _run(command: list[str], gateway: ServedGateway) -> str:
    finished = subprocess.run(
        command,
        env=_environment(gateway),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("name", EXPECTED)
def test_the_python_example_runs(name: str, demo_gateway: ServedGateway) -> None:
    said = _run([sys.executable, str(EXAMPLES / "python" / f"{name}.py")], demo_gateway)
    for text in EXPECTED[name]:
        assert text in said


@pytest.mark.parametrize("name", EXPECTED)
def test_the_typescript_example_runs(name: str, demo_gateway: ServedGateway) -> None:
    script = EXAMPLES / "typescript" / f"{name}.ts"
    finished = run_node(script, environment=_environment(demo_gateway))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for text in EXPECTED[name]:
        assert text in finished.stdout


def test_the_typescript_examples_type_check() -> None:
    compiler = PACKAGE / "node_modules" / "typescript" / "bin" / "tsc"
    finished = subprocess.run(
        [node_or_skip(), str(compiler), "--noEmit", "-p", str(PACKAGE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_the_basic_curl_example_runs(demo_gateway: ServedGateway) -> None:
    answer = json.loads(_run([str(EXAMPLES / "curl" / "basic.sh")], demo_gateway))
    assert answer["choices"][0]["message"]["content"] == "You said: Say hello."


def test_the_streaming_curl_example_runs(demo_gateway: ServedGateway) -> None:
    said = _run([str(EXAMPLES / "curl" / "streaming.sh")], demo_gateway)
    frames = [line.removeprefix("data: ") for line in said.splitlines() if line]
    assert frames[-1] == "[DONE]"
    chunks = [json.loads(frame) for frame in frames[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == "You said: Tell me a short story."
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] > 0


def test_the_tools_curl_example_runs(demo_gateway: ServedGateway) -> None:
    answer = json.loads(_run([str(EXAMPLES / "curl" / "tools.sh")], demo_gateway))
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = choice["message"]["tool_calls"][0]["function"]
    assert call["name"] == "get_weather"
    assert isinstance(json.loads(call["arguments"])["city"], str)


def test_the_structured_output_curl_example_runs(demo_gateway: ServedGateway) -> None:
    answer = json.loads(_run([str(EXAMPLES / "curl" / "structured_output.sh")], demo_gateway))
    city = json.loads(answer["choices"][0]["message"]["content"])
    assert isinstance(city["name"], str)
    assert isinstance(city["inhabitants"], int)


def test_the_list_of_examples_is_whole() -> None:
    endings = {"python": ".py", "typescript": ".ts", "curl": ".sh"}
    for folder, ending in endings.items():
        present = {path.stem for path in (EXAMPLES / folder).glob(f"*{ending}")}
        assert present == EXPECTED.keys()
