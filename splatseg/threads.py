"""Let torch's threads sleep while they wait. Import it before torch: afterwards it has no effect.

torch's OpenMP threads spin while they wait for one another. On a shared machine the spinning takes the processor that
the awaited thread needs: measured next to another busy process, a fit took several times as long. Sleeping costs little
on a free machine. A user's own OMP_WAIT_POLICY or GOMP_SPINCOUNT is kept.
"""

import os

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
