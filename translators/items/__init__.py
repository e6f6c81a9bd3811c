"""Items of `input` and `output`: one file a type, how it replays into a Chat conversation and how it streams out.

The rows of `translators/kinds.py` say which there are; `translators/asking/read_items.py` reads them.
"""
