"""Files in docs/cluster.md: complete, read by the programs that they are for, and run as far as one machine can."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from splatseg.engine.shard import Shard, parse_shard
from splatseg.untrusted.yaml_documents import parse_yaml

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "cluster.md").read_text(encoding="utf-8")


def _files() -> dict[str, str]:
    """The files of the page, by the name in their first comment."""
    blocks = re.findall(r"^```(?:bash|yaml)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return {re.search(r"^# ([\w.-]+)", block, re.MULTILINE)[1]: block for block in blocks}  # type: ignore[index]


FILES = _files()


def test_every_file_of_the_page_has_a_name() -> None:
    assert list(FILES) == [
        *("scenes.sbatch", "scenes-job.yaml", "scheduler.sh", "workers.sh"),
        *("slurm.yaml", "slurm-gpu.yaml", "pbs.yaml", "lsf.yaml"),
    ]


def _stand_in(folder: Path, name: str, text: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/bash\n{text}\n")
    program.chmod(0o755)


def test_jobs_of_the_array_do_every_shard_once(tmp_path: Path) -> None:
    # As bash runs it for SLURM, in another folder, with a stand-in for the program.
    text = FILES["scenes.sbatch"].replace("cd /shared/scenes", f"cd {tmp_path}")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "activate").write_text(f"export PATH={tmp_path}:$PATH\n")
    _stand_in(tmp_path, "splatseg", 'echo "$OMP_NUM_THREADS $@"')
    (low, high) = map(int, re.search(r"--array=(\d+)-(\d+)", text).groups())  # type: ignore[union-attr]
    shards = []
    for number in range(low, high + 1):
        variables = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "8"}
        done = subprocess.run(
            ["bash"], input=text, env=os.environ | variables, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("8 batch captures.txt -o OUT --shard auto/8 -- --masks auto")
        shards.append(parse_shard(done.stdout.split("--shard ")[1].split()[0], variables))
    assert shards == [Shard(number, 8) for number in range(8)]


def test_the_job_of_kubernetes_is_indexed_and_does_every_shard_once() -> None:
    job: Any = parse_yaml(FILES["scenes-job.yaml"]).plain()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    asked = job["spec"]
    # An index can only fail by itself in an indexed Job whose pods are not started anew in place.
    assert asked["completionMode"] == "Indexed" and asked["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = asked["template"]["spec"]["containers"]
    word = container["command"][container["command"].index("--shard") + 1]
    shards = [parse_shard(word, {"JOB_COMPLETION_INDEX": str(number)}) for number in range(asked["completions"])]
    assert shards == [Shard(number, asked["completions"]) for number in range(asked["completions"])]
    volumes = {volume["name"] for volume in asked["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", ["slurm.yaml", "slurm-gpu.yaml", "pbs.yaml", "lsf.yaml"])
def test_files_of_queues_are_read_and_make_a_script(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra cluster is not installed")
    from splatseg.engine.jobqueue import read_jobs, script_of

    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / name
    path.write_text(FILES[name])
    script = script_of(read_jobs(path))
    mark = {"slurm": "#SBATCH", "pbs": "#PBS", "lsf": "#BSUB"}[re.match("[a-z]+", name)[0]]  # type: ignore[index]
    assert mark in script and "--nthreads 1 " in script
    assert ("--resources GPU=1 " in script) == ("gpu" in name)


@pytest.mark.slow
def test_the_dask_cluster_of_the_page_does_work(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    import engine_work as work
    from dask_processes import script
    from distributed import Client

    from splatseg.engine.opening import open_engine
    from splatseg.engine.request import EngineRequest

    # `dask` is the one of this Python; the port is free; and two workers of a gigabyte are enough.
    _stand_in(tmp_path, "dask", f'exec {sys.executable} -P -m dask "$@"')
    scheduler = FILES["scheduler.sh"].replace(
        "--port 8786", f"--port 0 --scheduler-file {tmp_path}/file --no-dashboard"
    )
    workers = FILES["workers.sh"].replace("--nworkers 4", "--nworkers 2 --no-dashboard").replace("32GB", "1GB")
    with script(scheduler, "127.0.0.1", found_first=tmp_path, writes=tmp_path / "file") as address:
        assert address.startswith("tcp://127.0.0.1:")
        with script(workers, address, found_first=tmp_path), Client(address, set_as_default=False) as client:
            client.wait_for_workers(2)
            with open_engine(EngineRequest(scheduler=address)) as engine:
                assert engine.workers == 2
                assert sorted(done.result or 0 for done in engine.map(work.square, range(4))) == [0, 1, 4, 9]
