"""How fast the toolkit is, measured against its peers: `python -m benchmarks`, one part `python -m benchmarks.NAME`."""
