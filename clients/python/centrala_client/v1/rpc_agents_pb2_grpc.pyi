import grpc.aio

from . import rpc_agents_pb2

class AgentSessionStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Connect: grpc.aio.StreamStreamMultiCallable[rpc_agents_pb2.AgentUp, rpc_agents_pb2.AgentDown]
