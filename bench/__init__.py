"""Benchmarks: the cost of the pipeline relative to the least possible cost of the same work. `make bench`."""
