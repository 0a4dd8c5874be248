"""How torch's threads wait. Imported before torch; without effect if torch was imported first.

torch's OpenMP threads spin while they wait for one another. On a machine that is shared, the spinning takes the very
processor that the awaited thread needs: a fit beside another busy process was measured to take several times as long.
Sleeping instead costs little where the machine is free. A user's own OMP_WAIT_POLICY or GOMP_SPINCOUNT stands.
"""

import os

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
