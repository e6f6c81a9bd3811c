"""One request's life, from what a client asked to the response it gets."""
