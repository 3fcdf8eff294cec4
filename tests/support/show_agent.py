"""`python -m tests.support.show_agent [FAMILY...]`: a coding agent's loop, as its SDK sees it."""

import sys
import tempfile
from pathlib import Path

import anthropic

from .agent import size_bytes, work
from .families import CALLER_KEY, every_family

_TASK = "Please think, then sequential: mend the test."


def main(names: list[str]) -> None:
    chosen = names or ["claude", "gemini", "openai", "vllm"]
    with (
        tempfile.TemporaryDirectory() as folder,
        every_family(Path(folder), names=chosen) as house,
        anthropic.Anthropic(
            base_url=house.gateway.url, auth_token=CALLER_KEY, api_key=None, max_retries=0
        ) as client,
    ):
        for name in chosen:
            family = house.families[name]
            run = work(client, family.model, _TASK)
            size_kb = size_bytes(family.model) // 1000
            sys.stdout.write(f"- {name} ({family.model}), asked with {size_kb} KB\n")
            lines = "".join(run.pieces).split("\n")
            for turn, told, line in zip(run.turns, run.adjusted, lines, strict=False):
                usage = f"usage {turn.usage.input_tokens} in, {turn.usage.output_tokens} out"
                adjusted = f"; told: {told}" if told else ""
                sys.stdout.write(f"    {line} {turn.stop_reason}; {usage}{adjusted}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
