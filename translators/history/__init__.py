"""Pure rules about what came before: what continues what, and what a client sent a second time."""
