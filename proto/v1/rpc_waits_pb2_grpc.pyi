import grpc.aio

from proto.v1 import rpc_waits_pb2

class WaitsStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Estimate: grpc.aio.UnaryUnaryMultiCallable[rpc_waits_pb2.EstimateWait, rpc_waits_pb2.EstimatedWait]
