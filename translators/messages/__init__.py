"""A conversation as pieces that know no backend, and the Chat messages that one backend takes them as."""
