"""The schema as a list of migrations, written so that SQLite and PostgreSQL both take it.

A migration that was released is never edited: a change is another one at the end.
"""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE responses (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            status TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            parent TEXT,
            root TEXT NOT NULL,
            conversation TEXT,
            background BOOLEAN NOT NULL,
            compacted BOOLEAN NOT NULL,
            holder TEXT,
            lease_until DOUBLE PRECISION,
            bytes BIGINT NOT NULL,
            head BYTEA NOT NULL,
            input BYTEA NOT NULL,
            output BYTEA NOT NULL
        )""",
        "CREATE INDEX responses_by_thread ON responses (root, created_at, bytes)",
        "CREATE INDEX responses_active ON responses (lease_until) WHERE lease_until IS NOT NULL",
        """CREATE TABLE response_items (
            id TEXT NOT NULL,
            response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
            PRIMARY KEY (id, response_id)
        )""",
        "CREATE INDEX response_items_by_response ON response_items (response_id)",
        """CREATE TABLE events (
            response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
            first BIGINT NOT NULL,
            frames BYTEA NOT NULL,
            PRIMARY KEY (response_id, first)
        )""",
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            metadata TEXT NOT NULL
        )""",
        "CREATE INDEX conversations_by_age ON conversations (updated_at)",
        """CREATE TABLE conversation_items (
            conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            position BIGINT NOT NULL,
            id TEXT NOT NULL,
            json BYTEA NOT NULL,
            PRIMARY KEY (conversation, position)
        )""",
        "CREATE INDEX conversation_items_by_id ON conversation_items (id)",
    ),
    (
        # A response under way holds its conversation until then, Unix seconds.
        "ALTER TABLE conversations ADD COLUMN holder TEXT",
        "ALTER TABLE conversations ADD COLUMN lease_until DOUBLE PRECISION",
        # What readiness writes, one row.
        "CREATE TABLE probes (name TEXT PRIMARY KEY, at BIGINT NOT NULL)",
    ),
)
