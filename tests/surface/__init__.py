"""The whole Responses API by name, and what the code does with each of it: `docs/coverage.md` is made of this."""
