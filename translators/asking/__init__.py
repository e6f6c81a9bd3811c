"""A Responses request into a Chat request."""
