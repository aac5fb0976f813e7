"""`python -m services.router`: the router engine as a process of the distributed mode."""

from __future__ import annotations

import sys

from services.router import engine, shell
from services.runtime.engine_process import main

if __name__ == "__main__":
    main(engine, shell.bind, "services.router", sys.argv[1:])
