"""The strength of the ladder: faults put in on purpose, and which rung finds them."""

from hlsgen.mutate.campaign import RUNGS, Campaign, Outcome, Score, Work

__all__ = ["RUNGS", "Campaign", "Outcome", "Score", "Work"]
