"""What an upstream's refusal means and teaches, and asking once more."""
