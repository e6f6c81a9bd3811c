"""From a model's name to an upstream's answer."""
