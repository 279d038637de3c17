"""Training: data sets, methods, and the one loop that serves them all."""

from hlsgen.train.checkpoint import load_model
from hlsgen.train.choose import choose
from hlsgen.train.data import Dataset, load_data
from hlsgen.train.loop import Progress, of_final_form, train
from hlsgen.train.methods import METHODS
from hlsgen.train.metrics import Metrics

__all__ = [
    "METHODS",
    "Dataset",
    "Metrics",
    "Progress",
    "choose",
    "load_data",
    "load_model",
    "of_final_form",
    "train",
]
