"""Names of the benchmarks of the field that can be run, as the command line has them."""

from typing import Literal

ProtocolName = Literal["lerf-mask", "lerf-ovs", "lerf-ovs-2d", "3d-ovs", "nvos", "spin-nerf"]
