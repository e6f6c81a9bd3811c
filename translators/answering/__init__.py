"""What an answer says, whatever words its backend has for it: how it ended, what it took, what else it holds."""
