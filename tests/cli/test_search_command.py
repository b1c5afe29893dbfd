"""`hashbench search` and `hashbench export` on real runs of a second: the run's own codes, exact lists, honest ties."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from refusal import assert_refused

from hashbench.cli import main
from hashbench.data.digits import Digits

DEEP = ("run", "--method", "dualhash_likelihood", "--epochs", "2", "--bits", "12", "--device", "cpu")
METHODS = {
    "deep": DEEP,
    "frozen": (*DEEP, "--frozen"),
    "itq": ("run", "--method", "itq", "--bits", "12"),
    "ksh": ("run", "--method", "ksh", "--bits", "12"),
    "frozen_itq": ("run", "--method", "itq", "--bits", "12", "--frozen", "--device", "cpu"),
}
STANDARDIZED = ("--frozen", "--set", "protocol.standardize=true")
METHODS |= {"standardized": (*METHODS["frozen"], *STANDARDIZED), "standardized_itq": (*METHODS["itq"], *STANDARDIZED)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(name) -> the folder of a finished run of METHODS, made once."""
    root = tmp_path_factory.mktemp("runs")
    done = {}

    def make(name):
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("HASHBENCH_CACHE", str(root / "cache"))
                with pytest.raises(SystemExit) as ended:
                    main([*METHODS[name], "--out", str(root / name)])
            assert ended.value.code == 0
            done[name] = next((root / name).glob("**/result.json")).parent
        return done[name]

    return make


def stored(folder):
    return dict(np.load(folder / "codes.npz"))


@pytest.mark.parametrize("name", METHODS)
def test_a_test_query_gets_its_stored_code_and_the_exact_list(cli, made, name):
    folder = made(name)
    codes = stored(folder)
    code, out, err = cli("search", "--run", folder, "--query", "test:7", "--query", "database:3", "--top", 40, "--json")
    assert code == 0, err
    content = json.loads(out)
    assert (content["bits"], content["database_size"]) == (12, 1000)
    answer, known = content["queries"]
    assert bytes.fromhex(answer["code"]) == codes["query_codes"][7].tobytes()
    assert answer["row"] == codes["query_index"][7]
    assert answer["labels"] == [str(codes["query_labels"][7])]
    distances = np.unpackbits(codes["database_codes"] ^ codes["query_codes"][7], axis=1).sum(1)
    order = np.argsort(distances, kind="stable")[:40]
    neighbours = answer["neighbours"]
    assert [item["database_place"] for item in neighbours] == order.tolist()
    assert [item["row"] for item in neighbours] == codes["database_index"][order].tolist()
    assert [item["distance"] for item in neighbours] == distances[order].tolist()
    assert [item["rank"] for item in neighbours] == [1 + int((distances < d).sum()) for d in distances[order]]
    relevant = codes["database_labels"][order] == codes["query_labels"][7]
    assert [item["relevant"] for item in neighbours] == relevant.tolist()
    last = distances[order[-1]]
    assert answer["cut"] == {
        "distance": int(last),
        "listed": int((distances[order] == last).sum()),
        "tied": int((distances == last).sum()),
    }
    assert known["neighbours"][0]["distance"] == 0
    assert bytes.fromhex(known["code"]) == codes["database_codes"][3].tobytes()


def test_images_of_any_size_and_mode_are_queries(cli, made, tmp_path):
    folder = made("deep")
    row = int(stored(folder)["query_index"][7])
    pixels = Digits().load().inputs[row, 0].numpy()
    image = Image.fromarray(pixels)
    image.save(tmp_path / "grey.png")
    image.convert("RGB").save(tmp_path / "colour.png")
    image.convert("RGBA").resize((64, 48)).save(tmp_path / "large.webp")
    files = ("grey.png", "colour.png", "large.webp")
    words = [word for file in files for word in ("--query", file)]
    code, out, err = cli("search", "--run", folder, *words, "--query", row, "--json")
    assert code == 0, err
    grey, colour, large, by_row = json.loads(out)["queries"]
    assert grey["code"] == colour["code"] == by_row["code"] == stored(folder)["query_codes"][7].tobytes().hex()
    assert grey["row"] is None
    assert grey["labels"] is None
    assert "relevant" not in grey["neighbours"][0]
    assert len(large["code"]) == len(grey["code"])


def test_the_table_tells_ties_and_the_query_itself(cli, made):
    folder = made("deep")
    codes = stored(folder)
    twins = (codes["database_codes"] == codes["database_codes"][0]).all(1)
    assert twins.sum() > 2, "12 bits for 1,000 digits: the first code must be shared"
    code, out, err = cli("search", "--run", folder, "--query", "database:0", "--top", 2)
    assert code == 0, err
    assert "the query itself" in out
    assert f"At distance 0 there are {twins.sum()} of the 1000 items: the first 2 in database order" in out


@pytest.fixture
def copy(made, tmp_path):
    """A copy of the deep run that a test may break."""
    return shutil.copytree(made("deep"), tmp_path / "copy")


def test_wrong_runs_are_assert_refused(cli, made, copy, tmp_path):
    ask = ("--query", "test:0")
    assert_refused(cli("search", "--run", "nowhere", *ask), "nowhere: no such folder")
    (tmp_path / "empty").mkdir()
    assert_refused(cli("search", "--run", "empty", *ask), "empty: not a run folder", "seed<k>")
    assert_refused(cli("search", "--run", copy.parent, *ask), "holds runs", "copy")
    (copy / "result.json").rename(tmp_path / "kept.json")
    assert_refused(cli("search", "--run", copy, *ask), "unfinished", "--resume")
    (tmp_path / "kept.json").rename(copy / "result.json")
    for file in (copy / "checkpoints").glob("best_*.pth"):
        file.write_bytes(b"broken")
    assert_refused(cli("search", "--run", copy, *ask), "best_", "not the weights of this run")
    shutil.rmtree(copy / "checkpoints")
    assert_refused(cli("search", "--run", copy, *ask), "best_", "missing")
    spec = (copy / "spec.json").read_text()
    for broken, word in {"{": "corrupt", "{}": "not what a run keeps (KeyError", "[]": "corrupt"}.items():
        (copy / "spec.json").write_text(broken)
        assert_refused(cli("search", "--run", copy, *ask), "spec.json", word)
    (copy / "spec.json").write_text(spec)
    (copy / "codes.npz").write_bytes((copy / "codes.npz").read_bytes()[:-30])
    assert_refused(cli("search", "--run", copy, *ask), "codes.npz", "cannot be read (damaged")
    (copy / "codes.npz").write_bytes(b"broken")
    assert_refused(cli("search", "--run", copy, *ask), "codes.npz", "cannot be read")
    (copy / "codes.npz").unlink()
    assert_refused(cli("search", "--run", copy, *ask), "no codes.npz")


def test_codes_that_the_run_would_no_longer_make_are_assert_refused(cli, copy):
    codes = stored(copy)
    codes["database_codes"] = codes["database_codes"][::-1]
    np.savez(copy / "codes.npz", **codes)
    assert_refused(cli("search", "--run", copy, "--query", "test:0"), "bits of its database come out otherwise")


def test_wrong_queries_are_assert_refused(cli, made, tmp_path):
    folder = made("deep")
    (tmp_path / "text.png").write_text("no image")
    np.save(tmp_path / "vector.npy", np.zeros(64))
    for query, words in {
        "1797": ("data set digits has rows 0 to 1796",),
        "-1": ("rows 0 to 1796",),
        "test:500": ("role test has rows 0 to 499",),
        "cat.png": ("there is no such file", "test:5"),
        "text.png": ("not a readable image",),
        "vector.npy": ("not a readable image",),
    }.items():
        assert_refused(cli("search", "--run", folder, "--query", query), f"--query {query}", *words)
    for top in (0, 1001):
        assert_refused(cli("search", "--run", folder, "--query", 0, "--top", top), f"--top {top}", "give 1 to 1000")


def test_features_are_searched_by_vectors(cli, tmp_path):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6))
    labels = np.repeat([0, 1, 2], 60)
    X = centres[labels] + 0.3 * rng.normal(size=(180, 6))
    np.savez(tmp_path / "data.npz", X=X, y=labels)
    code, _, err = cli(
        "run", "--method", "lsh", "--protocol", "features", "--bits", 16, "--data-root", "data.npz", "--out", "runs"
    )
    assert code == 0, err
    folder = next((tmp_path / "runs").glob("**/result.json")).parent
    np.save(tmp_path / "query.npy", X[5])
    root = ("--data-root", "data.npz")
    code, out, err = cli("search", "--run", folder, "--query", "query.npy", "--query", 5, "--json", *root)
    assert code == 0, err
    by_file, by_row = json.loads(out)["queries"]
    assert by_file["code"] == by_row["code"]
    assert by_file["row"] is None
    np.save(tmp_path / "short.npy", X[5, :4])
    (tmp_path / "cut.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:-1])
    np.save(tmp_path / "nan.npy", np.full(6, np.nan))
    for file, word in {
        "short.npy": "one vector of 6",
        "nan.npy": "NaN",
        "data.npz": "holds an archive",
        "cut.npy": "cannot be read (damaged",
    }.items():
        assert_refused(cli("search", "--run", folder, "--query", file, *root), word)
    assert_refused(cli("search", "--run", folder, "--query", 5), "needs --data-root")
    assert_refused(cli("gallery", folder, *root), "holds features, and a gallery shows images")
    np.savez(tmp_path / "other.npz", X=X + 1, y=labels)
    other = ("--data-root", "other.npz")
    assert_refused(cli("search", "--run", folder, "--query", 5, *other), "data", "not those of this run")
    assert_refused(cli("gallery", folder, *other), "not those of this run")


@pytest.mark.parametrize("name", ["deep", "frozen_itq", "standardized", "standardized_itq"])
def test_an_exported_encoder_and_index_give_the_run_s_codes_and_lists(cli, made, tmp_path, name):
    folder = made(name)
    codes = stored(folder)
    code, out, err = cli("export", folder, "--out", "deploy")
    assert code == 0, err
    deploy = tmp_path / "deploy"
    manifest = json.loads((deploy / "manifest.json").read_text())
    assert (manifest["bits"], manifest["bytes"], manifest["database_size"]) == (12, 2, 1000)
    assert "encoder.pt2" not in manifest["left_out"]
    np.testing.assert_array_equal(np.load(deploy / "database_codes.npy"), codes["database_codes"])
    np.testing.assert_array_equal(np.load(deploy / "database_rows.npy"), codes["database_index"])
    encode = torch.export.load(deploy / "encoder.pt2").module()
    images = Digits().load().inputs
    for rows, expected in (
        (codes["database_index"][:100], codes["database_codes"][:100]),
        (codes["query_index"][:1], codes["query_codes"][:1]),
    ):
        np.testing.assert_array_equal(encode(images[torch.from_numpy(rows)]).numpy(), expected)
    readme = (deploy / "README.txt").read_text()
    for word in ("12-bit codes", "little-endian", "mean [0.5]", "torch.export.load"):
        assert word in readme
    faiss = pytest.importorskip("faiss")
    distances, _ = faiss.read_index_binary(str(deploy / "index.faiss")).search(codes["query_codes"][:1], 40)
    _, out, _ = cli("search", "--run", folder, "--query", "test:0", "--top", 40, "--json")
    ours = [item["distance"] for item in json.loads(out)["queries"][0]["neighbours"]]
    assert distances[0].tolist() == ours
    assert_refused(cli("export", folder, "--out", "deploy"), "not an empty folder")


def test_what_cannot_be_exported_is_left_out_with_its_reason(cli, made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)  # as if it were not installed
    code, out, err = cli("export", made("ksh"), "--out", "deploy")
    assert code == 0, err
    assert "left out: encoder.pt2: ksh does not compute an affine function" in out
    assert "left out: index.faiss: faiss is not installed" in out
    files = {file.name for file in (tmp_path / "deploy").iterdir()}
    assert "encoder.pt2" not in files
    assert "index.faiss" not in files
    readme = (tmp_path / "deploy" / "README.txt").read_text()
    assert "bitwise_count" in readme
    assert "torch.export.load" not in readme
