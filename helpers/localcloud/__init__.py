"""The local cloud: an embedded stand-in for Google's APIs that unmodified clients talk to.

It imports nothing from the modules a notebook uses, and everything in it can be read from the
names of its rooms: gateway, api, identity, frontdoor, builder, engine, registry, store, clock.
"""
