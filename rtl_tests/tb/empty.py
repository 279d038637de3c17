"""A module without a single test."""
