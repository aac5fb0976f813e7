import grpc.aio

from . import rpc_desks_pb2

class DeskStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Put: grpc.aio.UnaryUnaryMultiCallable[rpc_desks_pb2.PutDesk, rpc_desks_pb2.StoredDesk]
    Get: grpc.aio.UnaryUnaryMultiCallable[rpc_desks_pb2.GetDesk, rpc_desks_pb2.StoredDesk]
    Watch: grpc.aio.UnaryStreamMultiCallable[rpc_desks_pb2.WatchDesk, rpc_desks_pb2.BoardEvent]
