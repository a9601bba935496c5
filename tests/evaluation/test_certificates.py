"""What is proved of a data set, and both bounds in one audit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn

import brinell as br
from brinell.errors import InputError, InputMissingError, InputTypeError, OutputExistsError
from brinell.evaluation import summary

EPS = br.Linf(0.05)


class Net(nn.Sequential):
    """The logit is the sum of 8 inputs less their middle: what is proved of it is exact."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 1))
        nn.init.ones_(self[0].weight)  # type: ignore[arg-type]
        nn.init.constant_(self[0].bias, -4.0)  # type: ignore[arg-type]


class Liar(Net):
    """Shows those who trace it something else than what it does."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x)
        return out + 100 if isinstance(x, fx.Proxy) else out


@pytest.fixture(scope="module")
def rows() -> tuple[Tensor, Tensor]:
    x = 0.3 + 0.4 * torch.rand(90, 8, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 4).long()


@pytest.fixture(scope="module")
def sites() -> np.ndarray:
    return np.arange(90) // 40  # 40, 40 and 10 rows


def model(net: nn.Module | None = None) -> br.Classifier:
    return br.Classifier(net or Net(), bounds=(0, 1))


@pytest.fixture(scope="module")
def found(rows: tuple[Tensor, Tensor], sites: np.ndarray) -> br.Certificate:
    return br.certify(model(), rows, EPS, groups={"site": sites})


def test_what_is_proved_of_a_linear_model_is_all_there_is(found: br.Certificate, rows: tuple[Tensor, Tensor]) -> None:
    room = (rows[0].double().sum(1) - 4).abs() - 8 * EPS.eps
    assert found.table["certified"].to_pylist() == (room > 1e-4).tolist()
    assert found.table["margin"].to_numpy() == pytest.approx(room.numpy(), abs=1e-4)
    assert found.clean_accuracy == br.Rate(90, 90)
    assert found.certified_accuracy == br.Rate(int((room > 0).sum()), 90)
    assert found.abstained.hits == 0
    with pytest.raises(InputError, match="no radius"):
        _ = found.radius


def test_by_group_with_intervals_for_all_at_once(found: br.Certificate, sites: np.ndarray) -> None:
    certified = found.table["certified"].to_numpy()
    table = found.by_group("site")
    assert [(row.group, row.n, row.small) for row in table] == [(0, 40, False), (1, 40, False), (2, 10, True)]
    for row in table:
        assert row.certified_accuracy.hits == certified[sites == row.group].sum()
        assert row.certified_accuracy.level == pytest.approx(1 - 0.05 / 3)
    assert found.worst_group("site").group in (0, 1)
    assert len(found.by_group("class", "site")) == 6
    with pytest.raises(InputError, match="no group 'sex'; there are: class, site"):
        found.by_group("sex")


def test_saved_and_read_again(found: br.Certificate, tmp_path: Path) -> None:
    there = found.save(tmp_path / "proof")
    again = br.load_certificate(there)
    assert again.table.equals(found.table)
    assert again.record.model_copy(update={"rows_sha256": "", "sha256": ""}) == found.record.model_copy(
        update={"sha256": ""}
    )
    assert json.loads(json.dumps(found.facts(), allow_nan=False))["certified_accuracy"]["n"] == 90
    assert "a lower bound" in str(again)
    with pytest.raises(OutputExistsError, match="name another folder"):
        found.save(there)
    with pytest.raises(InputMissingError, match="no certificate in"):
        br.load_certificate(tmp_path)
    text = (there / "certificate.json").read_text()
    (there / "certificate.json").write_text(text.replace('"hits": 90', '"hits": 89'))
    with pytest.raises(InputError, match="was edited"):
        br.load_certificate(there)
    (there / "certificate.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        br.load_certificate(there)
    (there / "certificate.json").write_text(text)
    (there / "rows.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="is missing or was changed"):
        br.load_certificate(there)


def test_radii_of_the_smoothed_model(rows: tuple[Tensor, Tensor], sites: np.ndarray) -> None:
    method = br.Smoothing(sigma=0.1, n=300)
    found = br.certify(model(), rows, br.L2(0.05), method=method, groups={"site": sites}, seed=1)
    assert found.radius.shape == (90,)
    assert (found.radius <= (rows[0].sum(1) - 4).abs().numpy() / 8**0.5 + 0.02).all()
    assert found.over([0.0, 0.05])[1][1] == found.certified_accuracy
    shares = [rate.value for _, rate in found.over()]
    assert shares == sorted(shares, reverse=True)
    assert found.abstained.hits == (found.table["prediction"].to_numpy() == -1).sum() > 0
    assert len(found.facts()["over"]) == len(shares)
    again = br.certify(model(), rows, br.L2(0.05), method=method, seed=1, batch_size=13)
    assert (again.radius == found.radius).all()


@pytest.fixture(scope="module")
def audit(rows: tuple[Tensor, Tensor], sites: np.ndarray) -> br.Audit:
    groups = {"site": sites}
    return br.audit(model(), rows, EPS, groups=groups, effort="quick", certificate=br.IntervalBounds())


def test_the_audit_has_both_bounds(audit: br.Audit, found: br.Certificate, rows: tuple[Tensor, Tensor]) -> None:
    assert audit.certified_accuracy == found.certified_accuracy
    assert audit.robust_accuracy.hits >= found.certified_accuracy.hits
    assert audit.table["certified"].equals(found.table["certified"])
    assert audit.record.settings.certificate == found.record.method
    assert "a lower bound" in str(audit)
    for row, proved in zip(audit.by_group("site"), found.by_group("site"), strict=True):
        assert row.certified_accuracy is not None
        assert row.certified_accuracy.hits == proved.certified_accuracy.hits <= row.robust_accuracy.hits
    worst = audit.worst_group("site")
    assert worst.certified_accuracy is not None
    assert worst.certified_accuracy.level == worst.robust_accuracy.level
    assert summary(audit)["groups"]["site"]["worst"]["certified_accuracy"]["n"] == worst.n
    assert "certified_accuracy_low" in audit.to_pandas("site")
    assert br.verify(audit.folder, model(), rows, groups={"site": np.arange(90) // 40}).fine


def test_every_output_has_both_bounds(audit: br.Audit, tmp_path: Path) -> None:
    assert audit.certified_accuracy is not None
    share = f"{audit.certified_accuracy.value:.1%}"
    page = br.write_html(audit, tmp_path / "report.html").read_text()
    assert f'Certified: at least</dt><dd><span class="figure">{share}' in page
    assert f"{share} is a lower bound" in page
    assert '<th scope="col">Certified</th>' in page
    assert f"| certified, so at least | {share} |" in br.render(audit, "markdown")
    assert "certified_accuracy.low" in br.render(audit, "junit")
    assert "certificate=br.IntervalBounds(), effort=&#39;quick&#39;" in page


def test_the_certificate_changes_no_other_number(audit: br.Audit, rows: tuple[Tensor, Tensor]) -> None:
    plain = br.audit(model(), rows, EPS, groups={"site": np.arange(90) // 40}, effort="quick", diagnose=False)
    assert plain.certified_accuracy is None
    assert all(row.certified_accuracy is None for row in plain.by_group("site"))
    assert audit.table.drop_columns(["certified"]).equals(plain.table)
    assert audit.record.stages == plain.record.stages


def test_what_beats_a_certificate_stops_the_run(rows: tuple[Tensor, Tensor]) -> None:
    ones = rows[0][rows[1] == 1], rows[1][rows[1] == 1]
    with pytest.raises(br.CertificateBrokenError, match=r"row \d+ is certified under linf:0\.05, and yet .* broke it"):
        br.audit(model(Liar()), ones, EPS, effort="quick", certificate=br.IntervalBounds())


def test_an_edited_certificate_is_noticed(audit: br.Audit, rows: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    run = audit.save(tmp_path / "run")
    table = pq.read_table(run / "examples.parquet")
    place = table.column_names.index("certified")
    pq.write_table(table.set_column(place, "certified", [[True] * 90]), run / "examples.parquet")
    told = str(br.verify(run, model(), rows, groups={"site": np.arange(90) // 40}))
    assert "certified of" in told
    assert "certified and broken_by contradict each other" in told


def test_wrong_use(rows: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(InputTypeError, match="the method is 'ibp'; pass IntervalBounds"):
        br.certify(model(), rows, EPS, method="ibp")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="certifies the smoothed model, not the one that is attacked"):
        br.audit(model(), rows, br.L2(0.1), certificate=br.Smoothing())
    with pytest.raises(br.UnsupportedLayerError, match=r"layer '0' \(LayerNorm\)"):
        br.audit(model(nn.Sequential(nn.LayerNorm(8), Net())), rows, EPS, certificate=br.IntervalBounds())
    with pytest.raises(InputError, match="outside the bounds"):
        br.certify(model(), (rows[0] + 1, rows[1]), EPS)
