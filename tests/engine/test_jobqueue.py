"""Queues: the file is read strictly, the script is the one that is meant, and jobs are workers.

There is no SLURM here: `sbatch` of these tests runs the job's script on this machine, as the first node of a cluster.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("dask_jobqueue", reason="the extra cluster is not installed")

import engine_work as work

from splatseg.engine import requirements
from splatseg.engine.jobqueue import read_jobs, script_of
from splatseg.engine.opening import open_engine
from splatseg.engine.request import EngineRequest
from splatseg.errors import EngineError

GOOD = """
slurm:
  jobs: 2
  cores: 8
  processes: 2
  memory: 32GB
  walltime: "04:00:00"
  queue: compute
  gpus: 1
  job-extra-directives: ["--gres=gpu:2"]
  job_script_prologue: ["module load python"]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, where keys of a run lie."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _file(folder: Path, text: str) -> Path:
    path = folder / "queue.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_script_asks_the_queue_for_what_the_file_says(tmp_path: Path, home: Path, wrapped: bool) -> None:
    text = "jobqueue:\n" + "\n".join("  " + line for line in GOOD.splitlines()) if wrapped else GOOD
    script = script_of(read_jobs(_file(tmp_path, text)))
    for line in ("-J splatseg", "-p compute", "-n 1", "--cpus-per-task=8", "--mem=30G", "-t 04:00:00", "--gres=gpu:2"):
        assert f"#SBATCH {line}\n" in script
    prologue, threads, command = script.split("--gres=gpu:2\n")[1].strip().splitlines()
    assert prologue == "module load python" and threads == "export OMP_NUM_THREADS=4"
    assert command.startswith(f"{sys.executable} -m distributed.cli.dask_worker tls://")
    # The last of two options holds.
    assert command.split("--nthreads ")[-1].startswith("1 ") and "--nworkers 2 " in command
    assert "--resources GPU=1 " in command and f"--tls-key {home}/.splatseg-engine/run-" in command
    assert (home / ".splatseg-engine").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_other_queues_have_their_own_words(tmp_path: Path, system: str) -> None:
    special = {"pbs": "resource_spec: select=1:ncpus=4", "lsf": "project: scenes\n  use_stdin: true"}[system]
    text = f'{system}:\n  cores: 4\n  memory: 8GB\n  walltime: "1:00"\n  {special}\n'
    script = script_of(read_jobs(_file(tmp_path, text)))
    assert {"pbs": "#PBS -l select=1:ncpus=4", "lsf": '#BSUB -P "scenes"'}[system] in script
    assert "--nthreads 1 " in script


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is null; an object with names is expected"),
        ("slurm: [", "line 1: "),
        ("sge: {cores: 1, memory: 1GB}", "it describes sge; one of slurm, pbs, lsf is expected"),
        ("slurm: {cores: 1, memory: 1GB}\npbs: {}", "it describes slurm, pbs; one of slurm, pbs, lsf is expected"),
        ("slurm: {memory: 1GB}", "slurm has no cores"),
        ("slurm: {cores: 1}", "slurm has no memory"),
        ("slurm: {cores: 1, memory: much}", "slurm, memory is 'much'; a size such as 32GB is expected"),
        ("slurm: {cores: 0, memory: 1GB}", "slurm, cores is 0; a whole number from 1 to 1000000 is expected"),
        ("slurm: {cores: 1, memory: 1GB, processes: 2}", "slurm has 2 processes for 1 cores; one core each is needed"),
        (
            "slurm: {cores: 1, memory: 1GB, partition: a}",
            "slurm, partition is no name that is known; known are account",
        ),
        ("slurm: {cores: 1, memory: 1GB, ncpus: 1}", "slurm, ncpus is no name that is known"),
        ("slurm: {cores: 1, memory: 1GB, job_cpu: 1, job-cpu: 2}", "slurm, job-cpu is given twice"),
        (
            "slurm: {cores: 1, memory: 1GB, walltime: 12:00:00}",
            'slurm, walltime is 43200; a time in quotes, such as "04:00:00", is expected',
        ),
        (
            "slurm: {cores: 1, memory: 1GB, job_extra_directives: --gres}",
            "slurm, job_extra_directives is '--gres'; a list",
        ),
    ],
)
def test_a_file_that_is_amiss_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(EngineError) as found:
        open_engine(EngineRequest(jobqueue=path))
    assert str(found.value).startswith(f"{path}: {said}")
    assert str(found.value).endswith("; docs/cluster.md has complete files")


def test_what_a_queue_needs_besides_its_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"absent\.yaml is not there; --jobqueue names the YAML file of a queue"):
        open_engine(EngineRequest(jobqueue=tmp_path / "absent.yaml"))
    few = _file(tmp_path, "slurm: {cores: 1, memory: 1GB}")
    monkeypatch.setenv("PATH", str(tmp_path))
    for request, said in [
        (EngineRequest(jobqueue=few), "does not say how many jobs; add a line jobs: N, or give --workers N"),
        (EngineRequest(jobqueue=few, workers=1), "sbatch is not on this machine; run the command on a login node"),
        (
            EngineRequest(jobqueue=few, workers=1, cards=1),
            "declares 0 gpus a worker, and each item needs 1; add a line",
        ),
    ]:
        with pytest.raises(EngineError, match=said):
            open_engine(request)
    monkeypatch.setattr(requirements, "find_spec", lambda module: None if module == "dask_jobqueue" else module)
    with pytest.raises(EngineError, match=r'need dask-jobqueue; install it with: pip install "splatseg\[cluster\]"'):
        script_of(read_jobs(few))


def _queue(folder: Path, monkeypatch: pytest.MonkeyPatch, sbatch: str) -> None:
    """Put an sbatch and an scancel before those of the machine."""
    for name, text in {"sbatch": sbatch, "scancel": 'kill "$@"'}.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


@pytest.mark.slow
def test_a_job_that_the_queue_refuses_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _queue(tmp_path, monkeypatch, 'echo "invalid partition specified: compute" >&2; exit 1')
    with pytest.raises(
        EngineError, match=r"sbatch refuses the job \(.*invalid partition specified: compute.*\); correct"
    ):
        open_engine(EngineRequest(jobqueue=_file(tmp_path, GOOD)))


@pytest.mark.slow
def test_jobs_of_a_queue_are_workers_that_end_with_the_engine(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(tmp_path, monkeypatch, f'cp "$1" {tmp_path}/job; bash {tmp_path}/job >{tmp_path}/said 2>&1 & echo $!')
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    path = _file(tmp_path, "slurm: {jobs: 1, cores: 2, processes: 2, memory: 2GB, gpus: 1}")
    with open_engine(EngineRequest(jobqueue=path, cards=1)) as engine:
        done = list(engine.map(work.Slow(str(tmp_path), 0.1), range(6)))
        assert sorted(each.result or 0 for each in done) == [0, 1, 4, 9, 16, 25]
        processes = {process for number in range(6) for process in work.begun(tmp_path, number)}
        assert 1 <= len(processes) <= 2
    import psutil

    psutil.wait_procs([psutil.Process(process) for process in processes if psutil.pid_exists(process)])
    assert not list((home / ".splatseg-engine").iterdir())
