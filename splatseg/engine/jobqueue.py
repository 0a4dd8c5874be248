"""Jobs of a queue (SLURM, PBS, LSF) as workers, through dask-jobqueue; what to submit stands in a YAML file.

    slurm:                                 # or pbs, lsf
      jobs: 20                             # unless --workers says how many workers
      cores: 8
      memory: 32GB
      walltime: "04:00:00"
      queue: compute
      job_script_prologue: ["source /shared/venv/bin/activate"]

The names are dask-jobqueue's own, with - or _, and its files, which begin with `jobqueue:`, are read, too. `jobs`,
`processes` (workers a job, one unless given) and `gpus` (cards a worker, declared to Dask) are counts; the others are
passed on. A worker does one item at a time with the cores of its job shared equally. Connections are encrypted with a
key of this run, whose files lie in `shared_temp_directory`, by default a folder .splatseg-engine of the user's home.

    python -m splatseg.engine.jobqueue slurm.yaml     # prints the script that is submitted for each job

Source: https://jobqueue.dask.org, "Configuration" and "API".
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splatseg.engine.request import EngineRequest
from splatseg.engine.requirements import require
from splatseg.errors import EngineError
from splatseg.untrusted.documents import DocumentError, Field
from splatseg.untrusted.yaml_documents import read_yaml

if TYPE_CHECKING:
    from dask_jobqueue.core import JobQueueCluster
    from distributed import SpecCluster
    from distributed.security import Security

SYSTEMS = {"slurm": ("SLURMCluster", "sbatch"), "pbs": ("PBSCluster", "qsub"), "lsf": ("LSFCluster", "bsub")}
"""Queue systems: their class in dask-jobqueue, and the program that submits a job."""

COUNTS = ("cores", "jobs", "processes", "gpus")
TEXTS = (
    *("memory", "walltime", "queue", "account", "name", "interface", "python", "shebang"),
    *("local_directory", "log_directory", "shared_temp_directory"),
)
LISTS = ("job_script_prologue", "job_extra_directives", "job_directives_skip", "worker_extra_args")
NUMBERS = ("death_timeout",)
SPECIAL = {
    "slurm": {"job_cpu": "count", "job_mem": "text"},
    "pbs": {"resource_spec": "text", "project": "text"},
    "lsf": {"ncpus": "count", "mem": "count", "project": "text", "use_stdin": "flag", "lsf_units": "text"},
}
"""Names of one system only, and the kind of their values."""

HOME = ".splatseg-engine"
NAME = "splatseg"


@dataclass(frozen=True)
class Jobs:
    """Jobs of a queue, as its file describes them."""

    path: Path
    """The file."""
    system: str
    """slurm, pbs or lsf."""
    options: dict[str, Any]
    """Values by dask-jobqueue's names."""
    jobs: int | None
    """Jobs to submit."""
    processes: int
    """Workers a job."""
    gpus: int
    """Cards a worker."""


def read_jobs(path: Path) -> Jobs:
    """Read the file of a queue. Raises EngineError for a file that is missing, malformed, or has a value amiss."""
    try:
        return _jobs_of(path, read_yaml(path))
    except FileNotFoundError:
        raise EngineError(f"{path} is not there; --jobqueue names the YAML file of a queue") from None
    except DocumentError as error:
        raise EngineError(f"{path}: {error}; docs/cluster.md has complete files") from None


def _jobs_of(path: Path, document: Field) -> Jobs:
    outer = document.entries()
    if list(outer) == ["jobqueue"]:
        outer = outer["jobqueue"].entries()
    if len(outer) != 1 or next(iter(outer)) not in SYSTEMS:
        found = ", ".join(outer)[:80] or "nothing"
        raise DocumentError(f"it describes {found}; one of {', '.join(SYSTEMS)} is expected")
    ((system, inner),) = outer.items()
    kinds = {
        **dict.fromkeys(COUNTS, "count"),
        **dict.fromkeys(TEXTS, "text"),
        **dict.fromkeys(LISTS, "list"),
        **dict.fromkeys(NUMBERS, "number"),
        **SPECIAL[system],
    }
    options: dict[str, Any] = {}
    for written, field in inner.entries().items():
        name = written.replace("-", "_")
        if name not in kinds:
            raise DocumentError(f"{field.place} is no name that is known; known are {', '.join(sorted(kinds))}")
        if name in options:
            raise DocumentError(f"{field.place} is given twice")
        if field.value is not None:
            options[name] = _value(field, name, kinds[name])
    for name in ("cores", "memory"):
        if name not in options:
            raise DocumentError(f"{system} has no {name}")
    _check_memory(inner["memory"])
    jobs, processes, gpus = options.pop("jobs", None), options.pop("processes", 1), options.pop("gpus", 0)
    if processes > options["cores"]:
        raise DocumentError(f"{system} has {processes} processes for {options['cores']} cores; one core each is needed")
    return Jobs(path, system, options, jobs, processes, gpus)


def _value(field: Field, name: str, kind: str) -> Any:
    """Return a value of the kind that its name has."""
    if kind == "count":
        return field.whole(0 if name == "gpus" else 1, 1_000_000)
    if kind == "number":
        return field.number(0)
    if kind == "flag":
        return field.flag()
    if kind == "list":
        return [item.text() for item in field.items()]
    # 04:00:00 without quotes is a number of seconds to YAML, which a queue takes for minutes.
    if name == "walltime" and not isinstance(field.value, str):
        raise field.wrong('a time in quotes, such as "04:00:00",')
    return field.text()


def _check_memory(field: Field) -> None:
    require("distributed")
    from dask.utils import parse_bytes  # noqa: PLC0415 (an extra)

    try:
        parse_bytes(field.text())
    except ValueError:
        raise field.wrong("a size such as 32GB") from None


def script_of(jobs: Jobs) -> str:
    """Return the script that is submitted for each job. Raises EngineError if dask-jobqueue is missing."""
    with _cluster_of(jobs, None) as cluster:
        return str(cluster.job_script())


@contextmanager
def start_jobs(jobs: Jobs, request: EngineRequest) -> Iterator[SpecCluster]:
    """Submit the jobs of a request, whose workers come when the queue starts them; the end of the block cancels them.

    Raises EngineError if the extra or the queue's program is missing, nothing says how many, cards are asked for that
    the file does not declare, or the queue refuses the first job.
    """
    _, program = SYSTEMS[jobs.system]
    count = request.workers or (jobs.jobs or 0) * jobs.processes
    if not count:
        raise EngineError(f"{jobs.path} does not say how many jobs; add a line jobs: N, or give --workers N")
    if request.cards > jobs.gpus:
        raise EngineError(
            f"{jobs.path} declares {jobs.gpus} gpus a worker, and each item needs {request.cards}; add a line gpus: "
            f"{request.cards} and what the queue wants for it in job_extra_directives, or use --device cpu"
        )
    require("distributed", "dask_jobqueue", "cryptography")
    from distributed import Status  # noqa: PLC0415 (an extra)

    if shutil.which(program) is None:
        raise EngineError(f"{program} is not on this machine; run the command on a login node of the cluster")
    with _cluster_of(jobs, request.threads) as cluster:
        try:
            cluster.sync(_submit, cluster, count)
        except (OSError, RuntimeError) as error:
            for name, job in list(cluster.workers.items()):
                if job.job_id is None:  # the end of the block cancels those that have one
                    del cluster.workers[name], cluster.worker_spec[name]
                    job.status = Status.failed
            reason = " ".join(str(error).split())[-300:]
            raise EngineError(f"{program} refuses the job ({reason}); correct {jobs.path}") from error
        yield cluster


def _keys_in(folder: Path) -> Security:
    """Return a key and certificate of this run, in files that the jobs read."""
    from distributed.security import Security  # noqa: PLC0415 (an extra)

    made = Security.temporary()
    names: dict[str, str] = {}
    for name, text in {"cert": made.tls_client_cert, "key": made.tls_client_key}.items():
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(text)
        names |= {f"tls_{role}_{name}": str(path) for role in ("client", "scheduler", "worker")}
    return Security(require_encryption=True, tls_ca_file=names["tls_client_cert"], **names)


async def _submit(cluster: Any, count: int) -> None:
    """Submit jobs for so many workers; `scale` alone would only log that the queue refuses them."""
    cluster.scale(count)
    await cluster._correct_state()


@contextmanager
def _cluster_of(jobs: Jobs, threads: int | None) -> Iterator[JobQueueCluster]:
    """Yield a cluster of no jobs yet, whose keys lie in a folder of its own until the block ends."""
    require("distributed", "dask_jobqueue", "cryptography")
    import dask_jobqueue  # noqa: PLC0415 (an extra)

    own = {"name": NAME} | jobs.options
    own["job_name"] = own.pop("name")  # to dask-jobqueue `name` is one in its files, and another in its calls
    each = threads or max(1, own["cores"] // jobs.processes)
    # The last of two options holds: one item at a time, with the cores for the threads of torch and the kernels.
    own["worker_extra_args"] = [
        *own.get("worker_extra_args", []),
        *("--nthreads", "1", "--preload", "splatseg.engine.quiet"),
        *(("--resources", f"GPU={jobs.gpus}") if jobs.gpus else ()),
    ]
    own["job_script_prologue"] = [*own.get("job_script_prologue", []), f"export OMP_NUM_THREADS={each}"]
    shared = Path(own.get("shared_temp_directory", Path.home() / HOME)).expanduser()
    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = getattr(dask_jobqueue, SYSTEMS[jobs.system][0])
    own.pop("shared_temp_directory", None)
    with tempfile.TemporaryDirectory(prefix="run-", dir=shared, ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cluster: JobQueueCluster = kind(
                **own,
                processes=jobs.processes,
                security=_keys_in(Path(folder)),
                silence_logs=logging.CRITICAL,
                scheduler_options={"dashboard_address": "127.0.0.1:0"},
            )
        with cluster:
            yield cluster


if __name__ == "__main__":
    sys.stdout.write(script_of(read_jobs(Path(sys.argv[1]))))
