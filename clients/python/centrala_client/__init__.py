"""A typed asyncio client of Centrala's gRPC services."""
