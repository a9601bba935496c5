"""Settings from a file: what it may say, who goes before, and where errors point."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from workshop import Run

import brinell
from brinell.cli.app import app
from brinell.cli.config import FIELDS, AuditConfig, read_config

AUDIT: Any = get_command(app).commands["audit"]  # type: ignore[attr-defined]
OF_THE_SCREEN = {"--quiet", "--no-color"}  # what is shown is not what is measured
TOY = "model: nets.py:Linear\ndata: toy.npz\nthreat: linf:0.05\nattack: FGSM\ndiagnose: false\n"


def written(text: str) -> Path:
    path = Path("audit.yaml")
    path.write_text(text)
    return path


def test_it_knows_every_option_of_audit() -> None:
    options = {max(option.opts, key=len) for option in AUDIT.params if option.param_type_name == "option"}
    arguments = {argument.name for argument in AUDIT.params if argument.param_type_name == "argument"}
    named = {name.removeprefix("--").replace("-", "_") for name in options - OF_THE_SCREEN - {"--config", "--help"}}
    assert named | arguments == set(FIELDS)
    assert set(AuditConfig.model_fields) <= {param.name for param in AUDIT.params}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_documented_and_none_has_a_default_of_its_own(name: str) -> None:
    assert FIELDS[name].description
    assert FIELDS[name].default is None


def test_a_file_does_what_the_options_do(run: Run) -> None:
    written(
        "model: nets.py:Linear\nbounds: -1:2\ndata: toy.npz\nn: 30\nthreat: linf:0.05\nattack:\n  - PGD:steps=3\n"
        "  - FGSM\ngroup: [sex, 'site,sex']\nseed: 3\nbatch_size: 7\nalone: true\nexamples: none\n"
        "diagnose: false\n"
    )
    by_file = run("audit", "--config", "audit.yaml", "--out", "a")
    assert (by_file.code, by_file.err) == (0, "")
    options = ("--bounds", "-1:2", "--n", 30, "--attack", "PGD:steps=3", "--attack", "FGSM", "--group", "sex",
               "--group", "site,sex", "--seed", 3, "--batch-size", 7, "--alone", "--examples", "none",
               "--no-diagnose")  # fmt: skip
    by_options = run("audit", "nets.py:Linear", "toy.npz", "linf:0.05", *options, "--out", "b")
    assert by_file.out.replace("Run folder: a ", "Run folder: b ") == by_options.out
    assert Path("a/run.json").read_bytes() == Path("b/run.json").read_bytes()


def test_the_command_line_goes_before_the_file_and_the_record_holds_what_was_done(run: Run) -> None:
    written(f"{TOY}seed: 3\nn: 50\nalone: true\n")
    ended = run("audit", "nets.py:classifier", "--config", "audit.yaml", "--seed", 4, "--no-alone", "--out", "a")
    assert ended.code == 0
    settings = brinell.load_audit("a").record.settings
    assert (settings.seed, settings.alone, settings.data.n, settings.threat) == (4, False, 50, "linf:0.05")
    assert settings.origin is not None
    assert settings.origin.model == "nets.py:classifier"
    assert run("verify", "a").code == 0


def test_what_the_file_turns_on_an_option_turns_off_and_the_other_way(run: Run) -> None:
    written(TOY.replace("diagnose: false", "diagnose: true\nresume: true\nalone: true\njson: true"))
    off = run(
        "audit", "--config", "audit.yaml", "--no-diagnose", "--no-resume", "--no-alone", "--no-json", "--out", "a"
    )
    assert (off.code, off.out.startswith("{"), "Verdict" in off.out) == (0, False, False)
    again = run("audit", "--config", "audit.yaml", "--no-diagnose", "--no-resume", "--no-alone", "--out", "a")
    assert (again.code, "exists and is not empty" in again.err) == (2, True)
    written(f"{TOY}json: false\n")
    on = run("audit", "--config", "audit.yaml", "--diagnose", "--json", "--out", "b")
    assert (on.code, on.out.startswith("{"), "Verdict" in on.err) == (0, True, True)


@pytest.mark.parametrize(
    ("there", "given", "protocol"),
    [
        ("attack: FGSM", ["--effort", "quick"], "quick, seed 0"),
        ("effort: quick", ["--attack", "FGSM"], "chosen attacks, seed 0: FGSM."),
        ("effort: quick", ["--budget", "5"], "as far as 5 gradients a row go"),
    ],
)
def test_an_option_takes_the_place_of_those_it_excludes(there: str, given: list[str], protocol: str, run: Run) -> None:
    written(f"model: nets.py:Linear\ndata: toy.npz\nn: 20\nthreat: linf:0.05\n{there}\n")
    ended = run("audit", "--config", "audit.yaml", "--no-diagnose", *given)
    assert ended.code == 0
    assert protocol in ended.out
    both = run("audit", "--config", written(f"{TOY}effort: quick\n"))
    assert (both.code, "exclude each other" in both.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("modle: nets.py:Linear", "there is no setting 'modle' (it is 'nets.py:Linear'); did you mean model?"),
        ("batch-size: 3", "there is no setting 'batch-size' (it is 3); did you mean batch_size?"),
        ("zzz: 3", "there is no setting 'zzz' (it is 3); there are model, weights, "),
        ("n: ten", "n is 'ten'; it should be a whole number."),
        ("n: 10.0", "n is 10.0; it should be a whole number."),
        ("n: 0", "n is 0; it should be greater than 0."),
        ("seed: -1", "seed is -1; it should be greater than or equal to 0."),
        ("alone: yes", "alone is 'yes'; it should be true or false."),
        ("effort: hard", "effort is 'hard'; it should be 'quick', 'standard', 'thorough' or 'none'."),
        ("examples: some", "examples is 'some'; it should be 'all' or 'none'."),
        ("weights: 3", "weights is 3; it should be text."),
        ("group: {sex: f}", "group is {'sex': 'f'}; "),
        ("seed: 0\nseed: 1", "seed stands in line 6 already; keep one of them."),
        ("n: [1", "this is no YAML ("),
        ("report: a: b", "this is no YAML (mapping values are not allowed here); write KEY: VALUE"),
        ("weights: !!python/object/apply:os.getcwd []", "this is no YAML (could not determine a constructor"),
        ("budget: soon", "budget: budget is 'soon'; give a time above 0"),
        ("require: [robust>=0.5]", "require: the demand is 'robust>=0.5', which is not understood; write"),
        ("require: worst_group:age>=0.5", "require: worst_group:age>=0.5 is demanded, but there is no group 'age'"),
        ("group: age", "group: there is no group 'age'"),
        ("bounds: 1:0", "bounds: "),
        ("n: 121", "n: n is 121; pass 1 to 120"),
        ("target: 2", "target: a wanted label is 2; the model's classes are 0..1"),
        ("weights: none.safetensors", "weights: "),
        ("examples_from: none.npz", "examples_from: there is no file none.npz"),
        ("out: nets.py", "out: nets.py is a file"),
        ("report: .", "report: --report . is a folder"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_field_value_and_remedy(line: str, says: str, run: Run, workshop: Path) -> None:
    last = 6 + line.count("\n")
    ended = run("audit", "--config", written(f"{TOY}{line}\n"))
    assert ended.code == 2
    assert f"error: audit.yaml:{last}: {says}" in ended.err.replace("audit.yaml:7: this is", "audit.yaml:6: this is")
    assert ended.err.count("\n") == 1
    assert "Threat" not in ended.out
    assert not (workshop / "runs").exists()


@pytest.mark.parametrize(
    ("was", "line", "says"),
    [
        ("model: nets.py:Linear", 1, "model: there is no 'Lin' in nets.py"),
        ("data: toy.npz", 2, "data: 'Lin' is neither a data set"),
        ("threat: linf:0.05", 3, "threat: the threat is 'Lin'; write SET:EPS"),
        ("attack: FGSM", 4, "attack: there is no attack 'Lin'"),
    ],
)
def test_what_cannot_be_loaded_points_at_its_line_too(was: str, line: int, says: str, run: Run) -> None:
    key = was.partition(":")[0]
    wrong = "nets.py:Lin" if key == "model" else "Lin"
    ended = run("audit", "--config", written(TOY.replace(was, f"{key}: {wrong}")))
    assert ended.code == 2
    assert f"error: audit.yaml:{line}: {says}" in ended.err


def test_an_error_in_an_option_does_not_blame_the_file(run: Run) -> None:
    written(TOY)
    ended = run("audit", "--config", "audit.yaml", "--attack", "PGDD")
    assert ended.err.startswith("error: there is no attack 'PGDD'")
    assert "did you mean PGD?" in ended.err


def test_all_that_is_wrong_is_said_at_once_line_by_line(run: Run) -> None:
    ended = run("audit", "--config", written("n: ten\nattack: [FGSM, 3]\nmodle: x\nalone: 1\n"))
    assert ended.code == 2
    assert [line.split(": ")[1] for line in ended.err.splitlines()] == [f"audit.yaml:{n}" for n in (1, 2, 3, 4)]


def test_items_of_a_list_have_lines_of_their_own(run: Run) -> None:
    ended = run("audit", "--config", written("attack:\n  - FGSM\n  - 3\n"))
    assert "audit.yaml:3: attack is 3; it should be text." in ended.err


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("bounds: -1:1", "bounds", "-1:1"),
        ("group: no", "group", ("no",)),
        ("group: [on, 'y']", "group", ("on", "y")),
        ("out: 2026-11-22", "out", "2026-11-22"),
        ("budget: 100", "budget", "100"),
        ("budget: 1.5h", "budget", "1.5h"),
        ("alone: true", "alone", True),
        ("seed: 007", "seed", 7),
        ("json: false", "as_json", False),
    ],
)
def test_plain_words_are_read_by_yaml_1_2(line: str, field: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(line)
    assert read_config(path).given == {field: value}


@pytest.mark.parametrize("text", ["", "# nothing\n", "weights:\nn: null\n"])
def test_nothing_is_fine_as_long_as_the_command_line_says_it(text: str, run: Run) -> None:
    written(text)
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05", "--attack", "FGSM", "--no-diagnose")
    assert run(*words, "--config", "audit.yaml").code == 0
    missing = run("audit", "--config", "audit.yaml")
    assert missing.code == 2
    assert missing.err == "error: Missing argument 'MODEL'. Give it, or write model: in audit.yaml.\n"


def test_files_that_are_none(run: Run, workshop: Path) -> None:
    assert "error: there is no file nope.yaml; brinell init nope.yaml writes one." in run(
        "audit", "--config", "nope.yaml"
    ).err  # fmt: skip
    assert "cannot be read" in run("audit", "--config", workshop).err
    (workshop / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in run("audit", "--config", "bytes.yaml").err
    assert "settings are lines of KEY: VALUE" in run("audit", "--config", written("- FGSM\n")).err


def test_settings_do_not_change() -> None:
    config = AuditConfig(model="a")
    with pytest.raises(ValueError, match="frozen"):
        config.model = "b"


def test_without_pyyaml_the_extra_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(TOY)
    program = "import sys; sys.modules['yaml'] = None\nfrom brinell.cli.app import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "audit", "--config", str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert 'pip install "brinell[config]"' in ended.stderr


def test_reading_settings_is_light(tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text("n: ten\n")
    program = (
        "import sys, atexit\natexit.register(lambda: print('torch' in sys.modules))\n"
        "from brinell.cli.app import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "audit", "--config", str(path)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "False\n")
