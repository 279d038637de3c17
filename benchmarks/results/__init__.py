"""Results that can be run again: rows trained, built and counted from seeds, beside published ones.

`rows.toml` says what is run, `peers.toml` what others published. A table holds rows of one
convention only (`benchmarks.results.convention`).
"""
