"""The guide to kept turns shows what runs: each block by itself, only the port is another."""

import os
import subprocess
import sys

import pytest

from tests.support.markdown import ADDRESS, ROOT, Block, blocks_of
from tests.support.serving import ServedGateway

BLOCKS = list(blocks_of(ROOT / "docs" / "guides" / "state.md", "python"))
SAID = [
    ["You said: Why?", "message"],
    ["message"] * 4,
    ["completed You said: Think long."],
]


@pytest.mark.parametrize(("block", "said"), list(zip(BLOCKS, SAID, strict=True)), ids=str)
def test_what_the_guide_shows_runs(
    block: Block, said: list[str], demo_gateway: ServedGateway
) -> None:
    assert ADDRESS in block.text
    finished = subprocess.run(
        [sys.executable, "-c", block.aimed_at(demo_gateway.url)],
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == said
