"""What is known of each model, and how models are listed."""
