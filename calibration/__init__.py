"""From published data to a benchmark: reading, checking, estimating and writing."""
