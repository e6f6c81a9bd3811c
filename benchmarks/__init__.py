"""The benchmarks: a scripted upstream, a load generator, a passthrough, and the runner that compares servers."""
