"""One tiny model and one real server for all tests that need them."""

from __future__ import annotations

import time

import pytest

from server.protocol.background_client import BackgroundClient, ConnectionState
from server.protocol.client import Client
from server.protocol.events import ModelState

from .processes import ServerProcess, gone, until


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with a whole pipeline of tiny random networks."""
    import torch

    from model.config import model_config
    from model.parts import build_parts
    from model.pipeline import NeuralAssetsPipeline

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    NeuralAssetsPipeline.from_parts(build_parts(model_config("anchored", "tiny"), 0)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def server(weights, tmp_path_factory):
    """A server whose model is ready; `address` is where."""
    process = ServerProcess(tmp_path_factory.mktemp("store"), "--limit", "message_bytes=3000000", weights=weights)
    process.address = process.says()["address"]
    with Client(process.address) as client:
        while client.status().model is ModelState.STARTING:
            time.sleep(0.1)
    yield process
    children = process.children()
    assert process.stop() == 0, process.errors
    assert children and gone(children), "no process is left"


@pytest.fixture
def client(server):
    with Client(server.address, name="test") as made:
        yield made


@pytest.fixture
def background(server):
    client = BackgroundClient(server.address, name="background")
    client.start()
    until(lambda: client.state is ConnectionState.READY)
    yield client
    client.stop()
