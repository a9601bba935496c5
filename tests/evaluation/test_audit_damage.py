"""What a damaged run folder is answered with: an error that names the file."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import brinell as br
from brinell.errors import InputError, InputMissingError


@pytest.fixture
def copy(whole: br.Audit, tmp_path: Path) -> Path:
    return whole.save(tmp_path / "copy")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"settings": 3}', '{"settings": {"schema_version": 2}}', "\udcff"]
)
def test_a_damaged_record_is_named(copy: Path, text: str) -> None:
    (copy / "run.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        br.load_audit(copy)


@pytest.mark.parametrize(("key", "value"), [("clean", 3), ("stages", None), ("extra", 1)])
def test_a_record_with_other_fields_is_damaged(copy: Path, key: str, value: Any) -> None:
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {key: value}))
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        br.load_audit(copy)


@pytest.mark.parametrize(("version", "remedy"), [(7, "install a newer one"), (1, "run the audit again")])
def test_another_schema_is_told(copy: Path, version: int, remedy: str) -> None:
    record = json.loads((copy / "run.json").read_text())
    record["settings"]["schema_version"] = version
    (copy / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=f"schema version {version}, this brinell reads 2; {remedy}"):
        br.load_audit(copy)


@pytest.mark.parametrize("keep", [0, 4, 100, -9])
def test_a_damaged_table_is_named(copy: Path, keep: int) -> None:
    path = copy / "examples.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"examples\.parquet is damaged"):
        br.load_audit(copy)


def test_a_table_of_garbage_or_of_other_length_or_none_is_named(copy: Path) -> None:
    path = copy / "examples.parquet"
    pq.write_table(br.load_audit(copy).table.slice(0, 9), path)
    with pytest.raises(InputError, match=r"examples\.parquet holds 9 rows, the record says 56"):
        br.load_audit(copy)
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError, match=r"examples\.parquet is damaged"):
        br.load_audit(copy)
    path.unlink()
    with pytest.raises(InputMissingError, match=r"examples\.parquet"):
        br.load_audit(copy)


HEADERS = {
    "empty": b"", "short": b"\x05\x00", "truncated": None, "huge": b"\xff" * 64, "long": b"\xff" * 7 + b"\x00" * 64,
    "no JSON": b"\x04" + b"\x00" * 7 + b"{{{{", "a list": b"\x02" + b"\x00" * 7 + b"[]",
    "no shape": b"\x18" + b"\x00" * 7 + b'{"x_adv":{"dtype":"F64"}}'[:24] + b"}",
    "other tensor": b"\x02" + b"\x00" * 7 + b"{}",
    "other type": b"\x2e" + b"\x00" * 7 + b'{"x_adv": {"dtype": "I9", "shape": [1, 2, 3]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_damaged_inputs_are_named(copy: Path, name: str) -> None:
    path = copy / "adversarial.safetensors"
    header = HEADERS[name]
    path.write_bytes(path.read_bytes()[:-8] if header is None else header)
    audit = br.load_audit(copy)
    with pytest.raises(InputError, match=r"adversarial\.safetensors is damaged"):
        _ = audit.x_adv


def test_no_folder_no_audit(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="no finished audit"):
        br.load_audit(tmp_path)
    with pytest.raises(InputMissingError, match="no finished audit"):
        br.load_audit(tmp_path / "nowhere")
