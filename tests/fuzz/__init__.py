"""Mutated requests and recordings of upstreams through the core and the application: `make fuzz SECONDS=600`."""
