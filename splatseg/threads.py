"""Let the threads of torch and of numpy sleep while they wait. Import it before both: afterwards it has no effect.

torch's OpenMP threads spin while they wait for one another. On a shared machine the spinning takes the processor that
the awaited thread needs: measured next to another busy process, a fit took several times as long. So do the threads of
OpenBLAS, numpy's: the decomposition of votes took two to four times the processor's time. Sleeping costs little on a
free machine. A user's own OMP_WAIT_POLICY, GOMP_SPINCOUNT or OPENBLAS_THREAD_TIMEOUT is kept.
"""

import os

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# OpenBLAS spins for 2 to this power of the processor's cycles; 4 is the least it takes.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
