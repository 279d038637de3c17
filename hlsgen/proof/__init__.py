"""Proofs by SAT."""
