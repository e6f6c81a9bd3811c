"""Responses without a client: runs, their replay, and what is done now and then."""
