"""What is told of the work: one `Observer` protocol, and those who implement it."""
