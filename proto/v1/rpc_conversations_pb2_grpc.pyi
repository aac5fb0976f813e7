import grpc.aio

from proto.v1 import rpc_conversations_pb2
from proto.v1 import rpc_shapes_pb2

class ConversationsStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Get: grpc.aio.UnaryUnaryMultiCallable[rpc_conversations_pb2.GetConversation, rpc_shapes_pb2.Conversation]
    List: grpc.aio.UnaryUnaryMultiCallable[rpc_conversations_pb2.ListConversations, rpc_conversations_pb2.ConversationPage]
    Watch: grpc.aio.UnaryStreamMultiCallable[rpc_conversations_pb2.WatchConversation, rpc_conversations_pb2.ConversationChanged]
    Explain: grpc.aio.UnaryUnaryMultiCallable[rpc_conversations_pb2.ExplainConversation, rpc_conversations_pb2.Explanation]
