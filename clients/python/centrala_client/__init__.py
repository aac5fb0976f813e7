"""A typed asyncio client of Centrala's gRPC services.

async with Centrala("127.0.0.1:8081", key=KEY, desk="shop") as centrala:
    await centrala.submit(message(channel="chat", account="www", external_id="m-1", sender="jan", text="Hi"))
    async with centrala.agent("ola") as ola:
        async for told in ola:
            ...
"""

from .client import Centrala, message
from .errors import CallRefused
from .session import AgentSession

__all__ = ["AgentSession", "CallRefused", "Centrala", "message"]
