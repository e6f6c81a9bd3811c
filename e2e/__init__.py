"""Real clients against the running proxy over a scripted Chat Completions backend: `make e2e`."""
