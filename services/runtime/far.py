"""A process of the distributed mode: its views and rates lie in Redis, what happens on a log for all.

An edge reads the views and follows the log. A process that runs engines writes the views of what it owns:
`Publishers.attach` for each App with loops, `detach` when they are given up.
"""

from __future__ import annotations

import os
from typing import Protocol

from services.kernel.errors import Invalid
from services.runtime import telemetry
from services.runtime.auth import Auth, hash_of
from services.runtime.blobs import Blobs
from services.runtime.clock import Clock
from services.runtime.event_log import EventLog
from services.runtime.follow import Follower
from services.runtime.keys import KeyStore
from services.runtime.main import App
from services.runtime.publish import Publishers
from services.runtime.rates_redis import RedisRates
from services.runtime.redis_link import RedisLink
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import SnapshotStore
from services.runtime.tracing import from_environment
from services.runtime.views_read import RemoteViews


class Stores(Protocol):
    """What all processes of an installation share, opened."""

    @property
    def log(self) -> EventLog:
        """The log."""

    @property
    def keys(self) -> KeyStore:
        """The wrapped keys."""

    @property
    def sealing(self) -> Sealing:
        """What opens and seals with them."""

    @property
    def blobs(self) -> Blobs:
        """Large contents."""

    @property
    def snapshots(self) -> SnapshotStore:
        """Snapshots of the engines."""


def process(settings: Settings, clock: Clock, stores: Stores, partitions: int) -> tuple[App, Publishers]:
    """An App over the stores and Redis, without any part, and what publishes the views of its loops.

    Raises Invalid in plain words if a setting is missing.
    """
    if not settings.redis:
        raise Invalid("the distributed mode needs CENTRALA_REDIS, for example redis://redis:6379")
    link = RedisLink.of(settings, clock)
    views = RemoteViews(link, partitions)
    tracing = from_environment(os.environ, clock)
    shared = tracing.log(stores.log), stores.keys, stores.sealing, stores.blobs, stores.snapshots
    app = App(settings, clock, *shared, views, Auth(views, hash_of(settings.admin_key)))
    app.tracing = tracing
    app.partitions = partitions
    app.rates = RedisRates(link, clock)
    app.following = Follower(views, app.hub, stores.log, clock, stores.snapshots)
    app.before_ready(link.check)
    app.on_close(link.close)
    publishers = Publishers(link, stores.log, clock, stores.snapshots)
    telemetry.watch_redis(app.metrics, link, publishers)
    return app, publishers
