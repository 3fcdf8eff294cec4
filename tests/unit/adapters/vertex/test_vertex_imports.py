"""What importing the Vertex adapter needs, and what it leaves alone."""

import subprocess
import sys

PROGRAM = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("requests", "urllib3", "aiohttp"):
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
import modelmux.adapters.vertex.provider
"""


def test_no_http_library_of_google_auth_is_needed() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
