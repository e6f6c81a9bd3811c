"""What helper processes do: one file a kind of job, none of which knows the rest of the proxy."""
