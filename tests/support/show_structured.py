"""`python -m tests.support.show_structured [FAMILY...]`: one structured request, everywhere."""

import sys
import tempfile
from pathlib import Path

from tests.matrix.asking import client
from tests.matrix.chat import REQUESTS

from .families import FAMILIES, every_family


def main(names: list[str]) -> None:
    chosen = names or list(FAMILIES)
    body = REQUESTS["schema"]
    with (
        tempfile.TemporaryDirectory() as folder,
        every_family(Path(folder), names=chosen) as house,
        client() as http,
    ):
        for name in chosen:
            model = house.families[name].model
            url = f"{house.gateway.url}/v1/chat/completions"
            reply = http.post(url, json={**body, "model": model})
            message = reply.json()["choices"][0]["message"]
            told = reply.headers.get("x-modelmux-adjusted", "nothing")
            sys.stdout.write(f"- {name}: {message['content']} (told: {told})\n")


if __name__ == "__main__":
    main(sys.argv[1:])
