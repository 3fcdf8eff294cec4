"""`python -m modelmux.entrypoints.work JSON`: a worker, as the supervisor starts it.

It is no verb: people start gateways by `modelmux serve`. What the JSON holds: `cli.worker.Orders`.
"""

import gc
import sys
from importlib import import_module

from .companions import companions_absent

if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 100)  # imports make much that lasts: looking at it takes 80 ms
    with companions_absent():
        worker = import_module("modelmux.entrypoints.cli.worker")
    worker.main(sys.argv[1])
