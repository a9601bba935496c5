"""What is known about choosing, as tables: each row says what follows, when it does, why, and who found it out.

A row speaks where every trait that it names (see ``Situation.traits``; ``set`` is the name of the threat set) has one
of the values given. In ``THREATS`` the first row that speaks is taken; in ``RECIPES`` rows are in order of preference,
and a recipe stands where it is first named; of the other tables every row that speaks is told."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """then: what follows; why: the reason; sources: arXiv numbers; when: values of traits, any where it is empty."""

    then: str
    why: str
    sources: tuple[str, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = {}

    def speaks(self, traits: Mapping[str, Any]) -> bool:
        """Whether every trait named has one of its values."""
        return all(traits[name] in values for name, values in self.when.items())


def speaking(rules: Iterable[Rule], traits: Mapping[str, Any]) -> Iterator[Rule]:
    """The rows that speak, in order."""
    return (rule for rule in rules if rule.speaks(traits))


IMAGE, TABLE, WAVEFORM = {"kind": ("image",)}, {"kind": ("table",)}, {"kind": ("waveform",)}
MADRY, TRADES_PAPER, FAST, NFGSM_PAPER = "arXiv:1706.06083", "arXiv:1901.08573", "arXiv:2001.03994", "arXiv:2202.01181"
ROBUSTBENCH, ADAPTIVE, EVALUATING = "arXiv:2010.09670", "arXiv:2002.08347", "arXiv:1902.06705"

TRADED = (
    "Says the same about all that is near an input; beta trades clean for robust accuracy, and brinell tradeoff draws "
    "how."
)

THREATS = (
    Rule("linf:0.03", "Each column may move by 3 % of its range, if columns are scaled to 0..1: a small lie in every "
         "answer. Write down why it is not more or less; a column that cannot change needs a set of your own.",
         (), TABLE),
    Rule("linf:0.01", "Each sample may move by 0.01 of full scale: 40 decibels below the loudest signal, which is "
         "quiet. For signals that are quieter themselves, count the decibels from theirs.", ("arXiv:1801.01944",),
         WAVEFORM),
    Rule("linf:0.3", "The usual size for drawings in black and white such as MNIST, which people can still read; "
         "for grey photographs take linf:8/255.", (MADRY,), {**IMAGE, "size": ("small",), "colour": (False,)}),
    Rule("linf:8/255", "The usual size for small colour pictures in 0..1, hardly to be seen; results compare with "
         "published ones.", (MADRY, ROBUSTBENCH), {**IMAGE, "size": ("small",)}),
    Rule("linf:4/255", "The usual size for large photographs in 0..1, not to be seen; results compare with published "
         "ones.", (ROBUSTBENCH,), IMAGE),
)  # fmt: skip

ALSO = (
    Rule("l0:{few}", "A second question: somebody who edits {few} of {values} columns, each as far as the data allow.",
         ("arXiv:1511.07528",), TABLE),
    Rule("l2:0.5", "A second question: changes that gather in one place. Robustness to one set says little about "
         "another.", (ROBUSTBENCH,), {**IMAGE, "size": ("small",), "colour": (True,), "set": ("linf",)}),
    Rule("l2:1.5", "A second question: changes that gather in one place. Robustness to one set says little about "
         "another.", (), {**IMAGE, "size": ("small",), "colour": (False,), "set": ("linf",)}),
    Rule("l2:3", "A second question: changes that gather in one place. Robustness to one set says little about "
         "another.", (), {**IMAGE, "size": ("large",), "set": ("linf",)}),
)  # fmt: skip

AUDIT = (  # words of the command, behind model, data and threat set
    Rule("--effort standard", "On a CPU begin here; go on to thorough for what you publish.", (EVALUATING,),
         {"machine": ("cpu",)}),
    Rule("--effort thorough", "There is a GPU: the hardest search costs little there.", (EVALUATING,),
         {"machine": ("gpu",)}),
    Rule("--n 1000", "Large pictures on a CPU: a sample. With 1,000 rows the 95 % interval is within 3.2 points on "
         "either side.", (), {"size": ("large",), "machine": ("cpu",)}),
    Rule("--target 0", "The attacker wants one class: put its number in place of 0. Without --target any wrong answer "
         "counts, which is the stricter question.", (), {"wants": ("class",)}),
)  # fmt: skip

AUDITS = (  # whole commands besides, from their words
    Rule("--certify ibp", "A proof from below beside the attacks from above: the truth lies between. They are close "
         "only for models that were trained for it (IBP).", ("arXiv:1810.12715",),
         {"proof": (True,), "set": ("linf", "l2", "l1")}),
    Rule("--attack Square:queries=5000", "What the attacker of this situation, who sees scores alone, reaches with "
         "5,000 queries: a comparison, and no reason to trust in hidden weights.", ("arXiv:1912.00049",),
         {"knows": ("scores",), "set": ("linf", "l2")}),
    Rule("--examples-from surrogate.npz --effort none", "What the attacker of this situation, who sees nothing, "
         "reaches: examples made against a model of their own (surrogate.npz, with x_adv), judged on yours.",
         ("arXiv:1602.02697",), {"knows": ("nothing",)}),
)  # fmt: skip

RECIPES = (
    Rule("IBP", "The only recipe here that proves something for Linf: bounds for every input of the set, at a price in "
         "clean accuracy. For networks of a few layers.", ("arXiv:1810.12715", "arXiv:2103.17268"),
         {"proof": (True,), "set": ("linf",)}),
    Rule("Gaussian", "Trains for randomised smoothing, which proves a radius in L2 for networks of any size, at the "
         "price of many votes per answer.", ("arXiv:1902.02918",), {"proof": (True,), "set": ("l2",)}),
    Rule("NFGSM", "Large pictures on a CPU: one gradient for the attack is what there is time for. Its noise keeps it "
         "from the collapse of FastFGSM.", (NFGSM_PAPER,),
         {"size": ("large",), "machine": ("cpu",), "set": ("linf", "l2")}),
    Rule("AWP", "Also moves the weights against the network, so that less of the robustness is lost between training "
         "and test rows.", ("arXiv:2004.05884",), {**IMAGE, "colour": (True,)}),
    Rule("TRADES", TRADED, (TRADES_PAPER,), IMAGE),
    Rule("PGDTraining", "Trains on the worst input that a few steps find. The plainest recipe, and it has held since "
         "2018.", (MADRY,)),
    Rule("TRADES", TRADED, (TRADES_PAPER,)),
    Rule("NFGSM", "One gradient for the attack in place of PGD's seven: a step from strong noise, which keeps it from "
         "the collapse of FastFGSM.", (NFGSM_PAPER,), {"set": ("linf", "l2")}),
    Rule("FastFGSM", "The cheapest that resists PGD, when it does not collapse from one epoch to the next; held-out "
         "rows are watched, and the best epoch is kept.", (FAST,), {"set": ("linf", "l2")}),
)  # fmt: skip

NOT_THESE = (
    Rule("Standard", "No defense: the yardstick for what the others cost in time and in clean accuracy."),
    Rule("Tutorial", "Learns to answer FGSM, and falls to PGD at a serious eps: train on the worst inputs instead.",
         ("arXiv:1412.6572", "arXiv:1705.07204")),
    Rule("DefensiveDistillation", "Hides the slope and moves no boundary: attacks on the margin of the logits walk "
         "through.", ("arXiv:1511.04508", "arXiv:1607.04311")),
    Rule("Gaussian", "By itself it resists weak attackers alone; it is the first half of randomised smoothing in L2.",
         ("arXiv:1902.02918",), {"proof": (False,)}),
    Rule("IBP", "Costs much clean accuracy, for a proof that was not asked for.", ("arXiv:1810.12715",),
         {"proof": (False,)}),
)  # fmt: skip

NOTES = (
    Rule("Audit for the attacker who sees gradients", "Whoever sees less can do no more, and weights leak, are rebuilt "
         "from answers, or are guessed at.", (EVALUATING, "arXiv:1602.02697"),
         {"knows": ("scores", "labels", "nothing")}),
    Rule("A detector is part of the model", "Ten published detectors of ten fell to attackers who knew of them. First "
         "ask what the classifier does without it; then attack both at once, and count false alarms on clean rows. "
         "brinell audit --detect does so for feature squeezing.",
         ("arXiv:1705.07263", ADAPTIVE), {"wants": ("undetected",)}),
    Rule("Look at the groups", "Mean robustness hides who breaks first; the audit shows every group with an interval, "
         'and --require "worst_group:{group}>=0.5" makes it a demand.', ("arXiv:2006.12621",), {"groups": (True,)}),
    Rule("More rows help more than a better recipe", "Robust generalisation needs more data than clean accuracy does; "
         "with fewer than 10,000 rows look for more, or augment.", ("arXiv:1804.11285",), {"rows": ("few",)}),
    Rule("No certificate here", "Proofs are there for linf, l2 and l1; for this set there are measurements alone.", (),
         {"proof": (True,), "set": ("l0",)}),
    Rule("Clean accuracy will fall", "By how much depends on the data and on eps; brinell tradeoff measures it.",
         ("arXiv:1805.12152", TRADES_PAPER)),
    Rule("Rounding, compressing and resizing inputs are no defense", "Each fell once the attack took it into account. "
         "brinell audit --sanitise shows the static number beside the adaptive one.",
         ("arXiv:1802.00420", ADAPTIVE), IMAGE),
)  # fmt: skip
