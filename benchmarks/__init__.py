"""Speed and memory of hlsgen against its targets; run with `python -m benchmarks`."""
