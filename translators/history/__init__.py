"""Pure rules about what came before: which output answers which call, and what a client sent a second time."""
