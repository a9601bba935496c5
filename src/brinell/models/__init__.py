"""Models: what is attacked, left as it was; reference networks; weights without pickles."""

from brinell.models.bpda import BPDA
from brinell.models.classifier import Classifier
from brinell.models.eot import EOT
from brinell.models.layers import with_layers
from brinell.models.named import is_known, is_program, load_model, load_program
from brinell.models.networks import SmallCNN, TutorialCNN, tutorial_classifier
from brinell.models.sanitised import Sanitised, sanitised
from brinell.models.sanitisers import JPEG, SANITISERS, BitDepth, Median, RandomResizePad, Sanitiser
from brinell.models.squeezing import FeatureSqueezing
from brinell.models.state import evaluating, same_random_state
from brinell.models.weights import load_weights, save_weights, weights_sha256

__all__ = [
    "BPDA",
    "BitDepth",
    "FeatureSqueezing",
    "JPEG",
    "Median",
    "RandomResizePad",
    "SANITISERS",
    "Sanitised",
    "Sanitiser",
    "sanitised",
    "Classifier",
    "EOT",
    "SmallCNN",
    "TutorialCNN",
    "tutorial_classifier",
    "evaluating",
    "is_known",
    "is_program",
    "load_model",
    "load_program",
    "same_random_state",
    "load_weights",
    "save_weights",
    "weights_sha256",
    "with_layers",
]
