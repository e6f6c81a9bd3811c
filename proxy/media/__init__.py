"""What a request names by address or brings along, made ready for its upstream."""
