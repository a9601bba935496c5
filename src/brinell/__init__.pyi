from brinell.api import AttackResult as AttackResult
from brinell.api import attack as attack
from brinell.api import audit as audit
from brinell.api import harden as harden
from brinell.attacks import ATTACKS as ATTACKS
from brinell.attacks import BIM as BIM
from brinell.attacks import FAB as FAB
from brinell.attacks import FGSM as FGSM
from brinell.attacks import PGD as PGD
from brinell.attacks import MomentumPGD as MomentumPGD
from brinell.attacks import Square as Square
from brinell.defenses import RECIPES as RECIPES
from brinell.defenses import FastFGSM as FastFGSM
from brinell.defenses import PGDTraining as PGDTraining
from brinell.defenses import Standard as Standard
from brinell.defenses import Tutorial as Tutorial
from brinell.errors import InputError as InputError
from brinell.evaluation import Audit as Audit
from brinell.evaluation import load_audit as load_audit
from brinell.goals import Away as Away
from brinell.goals import Toward as Toward
from brinell.models import Classifier as Classifier
from brinell.models import SmallCNN as SmallCNN
from brinell.models import TutorialCNN as TutorialCNN
from brinell.models import load_weights as load_weights
from brinell.models import save_weights as save_weights
from brinell.models import tutorial_classifier as tutorial_classifier
from brinell.report import write_html as write_html
from brinell.statistics import Rate as Rate
from brinell.threats import L0 as L0
from brinell.threats import L1 as L1
from brinell.threats import L2 as L2
from brinell.threats import THREATS as THREATS
from brinell.threats import Linf as Linf
from brinell.threats import threat as threat

__version__: str
__all__: list[str]
