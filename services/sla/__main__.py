"""`python -m services.sla`: the sla engine as a process of the distributed mode."""

from __future__ import annotations

import sys

from services.runtime.engine_process import main
from services.sla import engine, shell

if __name__ == "__main__":
    main(engine, shell.bind, "services.sla", sys.argv[1:])
