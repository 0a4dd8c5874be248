// The groups of functions that make up the module; each adds its own.
#pragma once

#include <nanobind/nanobind.h>

namespace splatseg::bindings {

void add_raster(nanobind::module_& m);
void add_sparse(nanobind::module_& m);
void add_votes(nanobind::module_& m);
void add_points(nanobind::module_& m);
void add_image(nanobind::module_& m);
void add_regions(nanobind::module_& m);
void add_warp(nanobind::module_& m);
void add_machine(nanobind::module_& m);

}  // namespace splatseg::bindings
