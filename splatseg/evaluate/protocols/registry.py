"""The benchmarks of the field that can be run, by the names of the command line."""

from __future__ import annotations

from splatseg.evaluate.protocols import lerf_mask, lerf_ovs, nvos, spin_nerf, three_d_ovs
from splatseg.evaluate.protocols.task import Protocol

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        lerf_mask.PROTOCOL,
        lerf_ovs.DIRECT,
        lerf_ovs.RENDERED,
        three_d_ovs.PROTOCOL,
        nvos.PROTOCOL,
        spin_nerf.PROTOCOL,
    )
}
"""Protocols by name."""
