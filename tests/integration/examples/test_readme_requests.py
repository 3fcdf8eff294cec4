"""The README's first requests run as they stand; only the port is another."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.markdown import ADDRESS, ROOT, Block, blocks_of
from tests.support.node import run_node
from tests.support.serving import ServedGateway


def _requests(language: str) -> list[Block]:
    found = blocks_of(ROOT / "README.md", language)
    return [block for block in found if ADDRESS + "/v1" in block.text]


def test_the_readme_has_a_request_in_each_language() -> None:
    for language in ("sh", "python", "typescript"):
        assert len(_requests(language)) == 1


@pytest.mark.parametrize("block", _requests("sh"), ids=str)
def test_the_curl_request_is_answered(block: Block, demo_gateway: ServedGateway) -> None:
    finished = subprocess.run(
        ["sh", "-c", block.aimed_at(demo_gateway.url)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert answer["choices"][0]["message"]["content"] == "You said: Hello!"


@pytest.mark.parametrize("block", _requests("python"), ids=str)
def test_the_python_request_is_answered(block: Block, demo_gateway: ServedGateway) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", block.aimed_at(demo_gateway.url)],
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "You said: Hello!"


@pytest.mark.parametrize("block", _requests("typescript"), ids=str)
def test_the_typescript_request_is_answered(block: Block, demo_gateway: ServedGateway) -> None:
    finished = run_node(block.aimed_at(demo_gateway.url), environment={})
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "You said: Hello!"
