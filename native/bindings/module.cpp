// The module splatseg._native. Its signatures, as Python sees them, stand in splatseg/_native.pyi.
#include "bindings/groups.h"

NB_MODULE(_native, m) {
    m.doc() =
        "The native rasteriser. Its Python face is splatseg.raster.native; the contract is native/raster/raster.h.";
    splatseg::bindings::add_raster(m);
    splatseg::bindings::add_sparse(m);  // its class before the functions that return it
    splatseg::bindings::add_votes(m);
    splatseg::bindings::add_points(m);
    splatseg::bindings::add_image(m);
    splatseg::bindings::add_regions(m);
    splatseg::bindings::add_warp(m);
    splatseg::bindings::add_machine(m);
}
