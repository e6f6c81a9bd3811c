"""The process: what helps it, what watches it, how it ends."""
