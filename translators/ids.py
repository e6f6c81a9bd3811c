"""What identifiers begin with: those of items in the rows of their types (`translators/kinds.py`), all others here."""

from __future__ import annotations

RESPONSE = "resp"
CONVERSATION = "conv"
CALL = "call"
"""Of a call whose upstream gave it no id, or one that another call of the answer has."""
UNKNOWN_ITEM = "item"
"""Of an item of a type that nobody knows."""
REQUEST = "req"
PROCESS = "proc"
"""Of a process that holds leases of background responses."""
LOCK = "lock"
"""Of one holding of a conversation."""
