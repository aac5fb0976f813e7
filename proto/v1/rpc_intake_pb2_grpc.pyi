import grpc.aio

from proto.v1 import rpc_intake_pb2

class IntakeStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Submit: grpc.aio.UnaryUnaryMultiCallable[rpc_intake_pb2.Message, rpc_intake_pb2.Accepted]
    SubmitStream: grpc.aio.StreamStreamMultiCallable[rpc_intake_pb2.Message, rpc_intake_pb2.Accepted]
    PutOrder: grpc.aio.UnaryUnaryMultiCallable[rpc_intake_pb2.OrderPut, rpc_intake_pb2.Accepted]
    PutShipment: grpc.aio.UnaryUnaryMultiCallable[rpc_intake_pb2.ShipmentPut, rpc_intake_pb2.Accepted]
