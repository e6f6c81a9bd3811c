"""Items of `input` and `output`: one file a type, how it replays into a Chat conversation and how it streams out.

`read` reads them; the rows of `translators/kinds.py` say which there are.
"""
