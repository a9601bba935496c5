"""`brinell advise`."""

import io
import json
import shlex
import sys
from pathlib import Path

import pytest
import torch
from workshop import Run

import brinell
from brinell.choosing import Situation
from brinell.cli.advise import _QUESTIONS, KINDS, KNOWS, WANTS, read_answer
from brinell.data import read


def test_it_answers_in_plain_words(run: Run) -> None:
    ended = run("advise", "--shape", "3x32x32", "--rows", 50000, "--classes", 100, "--time", "2h", "--epoch", "40s")
    assert (ended.code, ended.err) == (0, "")
    assert "The data: 50,000 pictures of 3x32x32, 100 classes." in ended.out
    assert "The attacker to count with: linf:8/255" in ended.out
    assert "brinell audit MODEL TEST_DATA linf:8/255" in ended.out
    assert "brinell harden MODEL TRAIN_DATA linf:8/255 --recipe FastFGSM --out hard/FastFGSM" in ended.out
    assert "arXiv:2001.03994" in ended.out


def test_every_option_reaches_the_situation(run: Run) -> None:
    words = ["--knows", "scores", "--wants", "class", "--kind", "table", "--shape", "40", "--groups", "sex, age"]
    more = ["--proof", "--cores", "3", "--no-gpu", "--threat", "l2:0.7", "--seed", "3", "--yes", "--json"]
    ended = run("advise", *words, *more)
    assert ended.code == 0
    facts = json.loads(ended.out)
    told = {"knows": "scores", "wants": "class", "kind": "table", "shape": [40], "groups": ["sex", "age"]}
    more_told = {"proof": True, "cores": 3, "gpu": False}
    assert {name: facts["situation"][name] for name in told | more_told} == told | more_told
    assert facts["threat"]["what"] == "l2:0.7"
    audits = [shlex.split(each["what"]) for each in facts["audits"]]
    assert {words[4] for words in audits} == {"l2:0.7"}
    assert [words[5:] for words in audits[1:]] == [["--certify", "ibp"], ["--attack", "Square:queries=5000"]]
    assert json.loads(run("advise", "--gpu", "--json").out)["situation"]["gpu"] is True


def test_a_model_is_measured_and_named_in_the_commands(run: Run) -> None:
    brinell.save_weights(torch.nn.Linear(8, 3), "w.safetensors")
    words = ("advise", "nets.py:untrained", "toy.npz", "--weights", "w.safetensors", "--bounds", "-1:2")
    ended = run(*words, "--time", "1h", "-y")
    assert ended.code == 0, ended.err
    assert "groups: site, sex." in ended.out
    assert "MB at the peak of a step" in ended.out
    begin = (
        "brinell harden nets.py:untrained toy.npz linf:0.09 --weights w.safetensors --bounds -1:2 --recipe PGDTraining"
    )
    assert begin in ended.out
    assert "brinell audit nets.py:untrained TEST_DATA linf:0.09 --weights w.safetensors --bounds -1:2" in ended.out


@pytest.mark.parametrize("data", ["digits", "digits:train"])
def test_trainings_are_advised_on_the_training_part_and_audits_on_the_test_part(run: Run, data: str) -> None:
    Path("flat.py").write_text("from torch import nn\n\n\ndef net():\n    "
                               "return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n")  # fmt: skip
    ended = run("advise", "flat.py:net", data, "--threat", "linf:0.3", "--json", "-y")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)
    assert {shlex.split(each["command"])[3] for each in facts["recipes"]} == {"digits:train"}
    assert {shlex.split(each["what"])[3] for each in facts["audits"]} == {"digits"}
    assert facts["situation"]["rows"] == len(read("digits:train"))
    assert not any("In place of" in note["what"] for note in facts["notes"])


def test_it_says_what_to_put_where_it_cannot_know(run: Run) -> None:
    assert "In place of MODEL, TRAIN_DATA, TEST_DATA: Put yours into the commands." in run("advise", "-y").out
    told = run("advise", "nets.py:untrained", "toy.npz", "--bounds", "-1:2", "-y").out
    assert "In place of TEST_DATA: Put yours into the commands. Rows to test on must not be among those" in told


class Person(io.StringIO):
    """Answers, typed at a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_person_is_asked_what_is_not_given(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [
        ("[gradients]:", "weights"), ("choose one of gradients", None), ("[gradients]:", "labels"), ("[any]:", ""),
        ("[image]:", "table"), ("[1x28x28]:", "14"), ("[10]:", "2"), ("[60000]:", "500"), ("groups:", ""),
        ("[1h]:", "5m"),
    ]  # fmt: skip
    monkeypatch.setattr(sys, "stdin", Person("".join(f"{answer}\n" for _, answer in said if answer is not None)))
    ended = run("advise", "--cores", "3")
    assert ended.code == 0
    read = 0
    for words, _ in said:
        assert words in ended.err[read:]
        read = ended.err.index(words, read) + len(words)
    assert ended.err.count("]:") == sum(words.endswith("]:") for words, _ in said)
    assert "The attacker sees the labels alone and wants any wrong answer." in ended.out
    assert "500 rows of 14 columns, 2 classes" in ended.out
    assert "Keep in mind" in ended.out


def test_the_questions_are_those_of_the_situation() -> None:
    for question in _QUESTIONS:
        assert read_answer(question.field, question.default) == question.default
        for choice in question.choices:
            assert read_answer(question.field, choice) == choice
    assert {field: getattr(Situation(), field) for field in ("knows", "wants")} == {
        "knows": KNOWS[0],
        "wants": WANTS[0],
    }
    assert Situation().what == KINDS[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nets.py:untrained"], "MODEL is given without DATA"), (["--knows", "all"], "knows is 'all'"),
        (["--shape", "big"], "the shape is 'big'"), (["--time", "soon"], "time is 'soon'"),
        (["--threat", "linf"], "write SET:EPS"),
    ],
)  # fmt: skip
def test_wrong_use(run: Run, words: list[str], says: str) -> None:
    ended = run("advise", *words)
    assert ended.code == 2
    assert says in ended.err
