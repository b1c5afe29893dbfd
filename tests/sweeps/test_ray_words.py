"""What is wrong with a request for Ray is one line, found without a cluster; what a run asks of one is arithmetic."""

from __future__ import annotations

import sys
import types

import pytest

from hashbench.errors import UserError
from hashbench.sweeps.executors.ray_cluster import RayExecutor, _shares


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "hashbench\[ray\]"'):
        RayExecutor()


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("somewhere", "expected HOST:PORT"),
        ("host:port", "expected HOST:PORT"),
        (":6379", "expected HOST:PORT"),
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("ray://127.0.0.1:1", "no Ray cluster answers there"),
        ("127.0.0.1:99999", "no Ray cluster answers there"),
    ],
)
def test_an_address_where_nobody_listens_is_refused_at_once(monkeypatch, address, match):
    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))  # it is not asked
    with pytest.raises(UserError, match=match):
        RayExecutor(address=address)


def node(**resources):
    return {"Alive": True, "Resources": resources}


@pytest.mark.parametrize(
    ("nodes", "jobs", "device", "expected"),
    [
        ([node(CPU=4.0)], None, "auto", (4, 1, 0)),
        ([node(CPU=4.0)], 2, "cpu", (2, 2, 0)),
        ([node(CPU=4.0), node(CPU=4.0)], 1, "cpu", (1, 4, 0)),  # eight would fit on no machine
        ([node(CPU=8.0, GPU=2.0), node(CPU=8.0, GPU=2.0)], None, "auto", (4, 4, 1)),
        ([node(CPU=8.0, GPU=2.0)], 4, "cuda", (4, 2, 0.5)),
        ([node(CPU=8.0, GPU=2.0)], None, "cpu", (8, 1, 0)),
        ([node(CPU=2.0), {"Alive": False, "Resources": {"CPU": 64.0}}], None, "cpu", (2, 1, 0)),
    ],
)
def test_what_a_run_asks_of_a_cluster(nodes, jobs, device, expected):
    workers, request = _shares(nodes, jobs, device)
    assert (workers, request["num_cpus"], request["num_gpus"]) == expected


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_a_cluster_cannot_give_is_refused(device):
    with pytest.raises(UserError, match=f"--device {device} with --executor ray"):
        _shares([node(CPU=4.0)], None, device)
