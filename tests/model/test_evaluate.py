"""The evaluation end to end, with tiny random pipelines on a few small held-out pairs."""

from __future__ import annotations

import json

import pytest
import torch

from model.data.procedural import ProceduralSource
from model.data.recorded import RecordedSource
from model.evaluate import HELD_OUT_MESHES, load_sources, main, print_report
from model.evaluation import sweep
from model.evaluation.run import Portion, evaluate, portions
from model.evaluation.scores import KEYS, report
from model.evaluation.sheet import choose, save_sheet
from model.metrics import Perceptual
from model.scene import RenderSettings

from .test_pipeline import make_pipeline

SIZE = 64


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    pipes = {"anchored": make_pipeline("anchored"), "paper": make_pipeline("paper")}
    parts = [
        Portion("procedural", ProceduralSource(), "unseen_instances", 1),
        Portion("procedural", ProceduralSource(), "unseen_families", 1),
        Portion("meshes", RecordedSource(HELD_OUT_MESHES), "unseen_families", 2, 2),
    ]
    records, strips = evaluate(pipes, parts, RenderSettings(SIZE, SIZE, steps=1), None)
    sheet = tmp_path_factory.mktemp("sheet") / "sheet.png"
    save_sheet(sheet, *choose(strips, 2))
    return report(records, SIZE, 1), sheet


def test_every_row_set_and_key_is_there(result):
    figures, sheet = result
    names = {"copy", "boxes", "carried", "chained", "paper", "anchored", "autoencoder"}
    assert set(figures["rows"]) == set(figures["sets"]["meshes"]["rows"]) == names
    for name in names:
        assert set(figures["rows"][name]) >= set(KEYS)
    assert figures["n"] == 4 and figures["size"] == SIZE and figures["steps"] == 1
    json.dumps(figures)
    assert sheet.stat().st_size > 1000


def test_geometry_beats_copying_even_untrained(result):
    rows = result[0]["rows"]
    assert rows["carried"]["image_psnr"] > rows["copy"]["image_psnr"]
    assert rows["boxes"]["object_psnr"] > rows["copy"]["object_psnr"]
    assert rows["anchored"]["mask_iou"] is not None and 0 <= rows["anchored"]["mask_iou"] <= 1


def test_the_table_prints(result, capsys):
    print_report(result[0])
    assert "anchored" in capsys.readouterr().out


def test_held_out_sets_are_complete():
    sources = load_sources()
    counts = [(p.set_name, p.split, p.count) for p in portions(sources, quick=True)]
    assert counts == [(n, s, 8) for n in ("procedural", "meshes") for s in ("unseen_instances", "unseen_families")]
    full = portions(sources, quick=False)
    assert sum(p.count for p in full if p.set_name != "seen") == 160
    assert [(p.split, p.count) for p in full if p.set_name == "seen"] == [("train", 64)]
    for portion in (p for p in full if p.set_name == "meshes"):
        assert len(portion.source.pairs(portion.count, 64, 0, split=portion.split).task) == 16


def test_missing_weights_are_said_and_leave_rows_empty(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("model.evaluate.load_sources", lambda: {"procedural": ProceduralSource()})
    monkeypatch.setattr("model.evaluate.SIZE", SIZE)
    monkeypatch.setattr(
        "model.evaluate.portions", lambda s, q: [Portion("procedural", s["procedural"], "unseen_instances", 1)]
    )
    out = tmp_path / "figures.json"
    main(["--weights", str(tmp_path / "none"), "--paper", str(tmp_path / "none"), "--quick", "--json", str(out)])
    said = capsys.readouterr().out
    assert "row anchored: null" in said and "row paper: null" in said
    rows = json.loads(out.read_text())["rows"]
    assert rows["anchored"] is None and rows["copy"]["image_psnr"] > 0


def test_boxes_off_by_a_share_are_off_alike_in_both_frames():
    pair = ProceduralSource().pairs(1, SIZE, 3)
    asked = sweep.drawn(pair, 0.05, seed=1)
    for before, after in ((pair.source.boxes, asked.source.boxes), (pair.target.boxes, asked.target.boxes)):
        assert not torch.allclose(before.size[before.present], after.size[before.present])
    ratio = [(getattr(asked, f).boxes.size / getattr(pair, f).boxes.size) for f in ("source", "target")]
    both = pair.source.boxes.present & pair.target.boxes.present
    assert both.any() and torch.allclose(ratio[0][both], ratio[1][both], atol=1e-5)
    assert torch.equal(asked.target.image, pair.target.image)


def test_a_sweep_tells_what_the_networks_add():
    pairs = [("procedural", ProceduralSource().pairs(1, SIZE, 3, split="unseen_instances"))]
    variant = sweep.Variant("1 step", RenderSettings(SIZE, SIZE, steps=1))
    row = sweep.figures(make_pipeline("anchored"), pairs, variant, Perceptual())
    assert set(row) == {*sweep.SHOWN, "gain", "seconds"} and row["object_psnr"] > 0 and row["seconds"] > 0
