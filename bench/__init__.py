"""Benchmarks: what the pipeline costs beside the least that the same work can cost. `make bench`."""
