"""What edges look up all the time: desks, their accounts and agents, parsed once and kept in memory."""

from __future__ import annotations

from collections import OrderedDict

from proto.v1.desk_pb2 import Account, Agent, DeskConfig
from services.runtime.documents import AgentView, DeskView
from services.runtime.view_store import ViewReader

PARSED_MAX = 10_000
"""Desks that are kept parsed: some 100 MB, and no more however many an installation has."""


class Directory:
    """Desks and agents as the views have them. Never changed by who reads them."""

    def __init__(self, views: ViewReader, most: int = PARSED_MAX) -> None:
        self._views = views
        self._most = most
        self._desks: OrderedDict[str, tuple[DeskView, DeskConfig]] = OrderedDict()

    async def prepare(self, desk_id: str) -> None:
        """Have a desk at hand for what follows. Raises Busy if it is not to be had."""
        await self._views.prepare(desk_id)

    def view(self, desk_id: str) -> DeskView | None:
        """The desk's document: source, version, what is not in effect."""
        return self._views.peek(DeskView, desk_id)

    def get(self, desk_id: str) -> DeskConfig | None:
        """The desk's configuration; None for an unknown desk."""
        view = self._views.peek(DeskView, desk_id)
        if view is None:
            return None
        known = self._desks.get(desk_id)
        if known is None or known[0] is not view:
            known = self._desks[desk_id] = (view, DeskConfig.FromString(view.desk))
        self._desks.move_to_end(desk_id)
        if len(self._desks) > self._most:
            self._desks.popitem(last=False)
        return known[1]

    def parsed(self) -> list[str]:
        """The desks that are kept parsed, the one longest not asked for first."""
        return list(self._desks)

    def account(self, desk_id: str, channel: str, account: str) -> Account | None:
        """One account of a desk; None if the desk has no such one."""
        desk = self.get(desk_id)
        for entry in desk.accounts if desk is not None else ():
            if entry.channel == channel and entry.account == account:
                return entry
        return None

    async def desks(self) -> list[str]:
        """Every desk, by id."""
        return [view.id for view in await self._views.scan_all(DeskView)]

    async def email_accounts(self) -> dict[str, str]:
        """Address (small letters) of every e-mail account, and its desk: the one that claimed it first."""
        found: dict[str, tuple[int, str]] = {}
        for view in await self._views.scan_all(DeskView):
            for address, place in view.mail.items():
                found[address] = min(found.get(address, (place, view.id)), (place, view.id))
        return {address: desk_id for address, (_, desk_id) in found.items()}

    async def agent(self, desk_id: str, agent_id: str) -> Agent | None:
        """One agent of a desk."""
        view = await self._views.of(desk_id).get(AgentView, f"{desk_id}/{agent_id}")
        return Agent.FromString(view.agent) if view is not None else None

    async def agents(self, desk_id: str) -> list[Agent]:
        """Every agent of a desk, by id."""
        found = await self._views.of(desk_id).scan(AgentView, f"{desk_id}/")
        return [Agent.FromString(view.agent) for view in found]
