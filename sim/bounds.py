"""Numbers that a model or workload file may say; `msgspec` tells the place and the bound of what may not."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

LARGEST = 1e9
"""No time, factor or number in a file is larger: 30 years in seconds."""

Amount = Annotated[float, Meta(ge=0, le=LARGEST)]
Positive = Annotated[float, Meta(gt=0, le=LARGEST)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Number = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Level = Annotated[int, Meta(ge=0, le=5)]
"""Of a skill; 0: none."""
