"""What real processes, databases and signals do to a server at work: `make faults`, or `pytest -m faults tests/faults`.

Everything is bounded by counts, listens on loopback only, and takes under three minutes together.
"""
