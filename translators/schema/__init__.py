"""The wire structs of both dialects, one per shape. Nothing here decides anything."""
