"""What a request stands on, and what a response leaves behind."""
