"""Tables of the one SQLite file into which rows go by the short way: one statement for all of them.

See the theory of operation in `sqlite_file.py`.
"""

from __future__ import annotations

import functools

ROWS_IN_STATEMENT_MAX = 4_000
"""Four variables a row, of 32,766 that SQLite takes in one statement."""
CACHED_ROWS_MAX = 64
"""Statements for more rows are prepared anew: they are rare and large."""


class BulkTable:
    """A table of three columns whose rows go in by the short way.

    durable_end: of a log's table, whose first column is the offset: how far it is durable. None for
    others, in which a row that is there already stays as it is.
    carried: whatever is enqueued after its rows becomes durable only together with or after them, even
    over failed commits.
    """

    __slots__ = ("carried", "columns", "durable_end", "index", "name")

    def __init__(self, name: str, columns: str, index: int, durable_end: int | None, carried: bool) -> None:
        self.name = name
        self.columns = columns
        self.index = index
        self.durable_end = durable_end
        self.carried = carried

    def branch(self) -> str:
        """The trigger's statement for a row of this table."""
        verb = "INSERT OR IGNORE" if self.durable_end is None else "INSERT"
        values = "SELECT NEW.a, NEW.b, NEW.c"
        return f'{verb} INTO "{self.name}"({self.columns}) {values} WHERE NEW.t = {self.index};'


@functools.lru_cache(maxsize=512)
def insert(rows: int) -> str:
    """The statement for so many rows."""
    return "INSERT INTO temp.bulk VALUES " + ",".join(("(?,?,?,?)",) * rows)
