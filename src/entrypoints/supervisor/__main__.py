"""`python -m modelmux.entrypoints.supervisor JSON`, which `modelmux serve` becomes.

With `--check` it only says whether this code would start, for the one it is to take over from.
"""

import json
import sys

from .supervisor import Plan, Supervisor

if __name__ == "__main__":
    if sys.argv[1] != "--check":
        sys.exit(Supervisor(Plan(**json.loads(sys.argv[1]))).run())
