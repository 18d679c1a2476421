"""Tickets for GPUs: as many as there are, spread over the GPUs, and none is lost when a process dies. Needs no GPU."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tests.jobs.tasks import Square, gpu_seen

from landweave.errors import OutputError, TaskError
from landweave.jobs.pool import Pool
from landweave.jobs.ticket import Tickets
from landweave.jobs.worker import Setup


def test_they_are_spread_over_the_gpus_and_come_back(tmp_path: Path) -> None:
    tickets = Tickets(tmp_path / "tickets", per_gpu=2, num_gpus=2, patience_s=0)
    held = [tickets.take() for _ in range(4)]
    assert [(ticket.gpu, ticket.number) for ticket in held] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    with pytest.raises(TaskError) as refused:
        tickets.take()
    assert "all 4 tickets of 2 GPUs" in refused.value.given
    assert "a free ticket" in refused.value.expected
    assert "fewer --workers" in refused.value.do
    held[2].give_back()
    assert tickets.take().gpu == 0


def hold(connection: Connection, tickets: Tickets) -> None:
    connection.send(tickets.take().gpu)
    time.sleep(600)


def test_that_of_a_process_that_was_killed_is_free_at_once(tmp_path: Path) -> None:
    tickets = Tickets(tmp_path, per_gpu=1, num_gpus=1, patience_s=10)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(theirs, tickets))
    process.start()
    assert ours.recv() == 0
    with pytest.raises(TaskError):
        Tickets(tmp_path, per_gpu=1, num_gpus=1, patience_s=0.3).take()
    process.kill()
    assert tickets.take().gpu == 0
    process.join()


def test_without_a_gpu_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as refused:
        Tickets(tmp_path, per_gpu=3, num_gpus=0).take()
    assert "without one" in refused.value.given
    assert "a GPU that torch sees" in refused.value.expected
    assert "--device cpu" in refused.value.do


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        Tickets(tmp_path / "file" / "tickets", per_gpu=1, num_gpus=1).take()


def test_each_worker_of_a_pool_has_its_own_gpu(tmp_path: Path) -> None:
    setup = Setup(threads=1, tickets=Tickets(tmp_path / "tickets", per_gpu=1, num_gpus=2))
    outcomes = list(Pool(2, setup, in_flight=1).run(gpu_seen, [Square(number, tmp_path) for number in range(6)]))
    seen = {outcome.summary["process"]: outcome.summary["gpu"] for outcome in outcomes}
    assert sorted(seen.values()) == ["0", "1"]
    assert os.environ.get("CUDA_VISIBLE_DEVICES") not in {"0", "1"}
