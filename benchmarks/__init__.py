"""How fast the toolkit is, measured against its peers: `python -m benchmarks.NAME`."""
