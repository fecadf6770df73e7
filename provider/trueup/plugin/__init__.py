"""The Pulumi provider: the same kinds, plans and truth as the command, spoken over gRPC to the Pulumi engine.

Facts about the engine are Pulumi's own protocol (`provider.proto`); how each call is meant stands with its module.
"""
