"""The bytes of upstreams and clients: what an upstream sends, as structs."""
