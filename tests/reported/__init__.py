"""Failures that users of other bridges reported, each as a test that names its row: R01, T07, S14 and so on."""
