"""What comes in before any endpoint sees it: who asks, from where, and in which form."""
