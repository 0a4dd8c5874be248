"""The gradient of blending, by values and by Gaussians on screen.

It goes from the back: there every sum starts at nothing and cancels nothing.
"""

import functools
from typing import Any

import warp as wp

from splatseg.raster.warp.kernels.projection import TILE, Flat, Lists, View, alpha_at
from splatseg.raster.warp.kernels.summing import AT_ONCE, Batch
from splatseg.raster.warp.kernels.walking import PLAIN_PRODUCTS, THREADS, float_vector


@wp.func
def about_mean(gaussian: Flat, middle: wp.vec2, m: Flat):
    """Return the gradient by a Gaussian on screen, from moments of G = dL/dsigma about a tile's middle.

    m: sums of G, G x, G y, G x^2, G x y, G y^2, with x, y from the middle.
    """
    ux, uy = gaussian[0] - middle[0], gaussian[1] - middle[1]
    # With d = place of the pixel - mean: sums of G d_x and G d_y, then of their products.
    dx, dy = m[1] - ux * m[0], m[2] - uy * m[0]
    xx = m[3] - 2.0 * ux * m[1] + ux * ux * m[0]
    xy = m[4] - ux * m[2] - uy * m[1] + ux * uy * m[0]
    yy = m[5] - 2.0 * uy * m[2] + uy * uy * m[0]
    by_x, by_y = -(gaussian[2] * dx + gaussian[3] * dy), -(gaussian[3] * dx + gaussian[4] * dy)
    return Flat(by_x, by_y, 0.5 * xx, xy, 0.5 * yy, -m[0] / gaussian[5])


@wp.func
def powers(at: wp.vec2):
    """Return 1, x, y, x^2, x y, y^2; small numbers, since places are from the tile's middle."""
    return Flat(1.0, at[0], at[1], at[0] * at[0], at[0] * at[1], at[1] * at[1])


@wp.func
def slopes_of(
    view: View,
    shared: Any,
    carriage: Any,
    wanted: Any,
    by_alpha: float,
    part: int,
    unseen: int,
    count: int,
    place: wp.vec2,
    behind: wp.vec2,
):
    """Return weights of, and gradients by sigma at, the next entries of a batch at a pixel, and how it goes on.

    Entries of a batch run from the back. unseen: number of them behind where the pixel stopped. behind: transmittance,
    and sum of weight times gain, behind the entries.
    """
    weights, by_sigmas = Batch(0.0), Batch(0.0)
    light, beyond = float(behind[0]), float(behind[1])
    for j in range(AT_ONCE):
        if part + j >= unseen and part + j < count:
            alpha = alpha_at(view, shared[part + j], place[0], place[1])
            if alpha > 0.0:
                light = light / (1.0 - alpha)
                gain = wp.dot(carriage[part + j], wanted) + by_alpha
                weights[j] = alpha * light
                slope = light * gain - beyond / (1.0 - alpha)
                beyond += alpha * light * gain
                if alpha < view.alpha_max:  # a clamped alpha passes no gradient
                    by_sigmas[j] = -alpha * slope
    return weights, by_sigmas, wp.vec2(light, beyond)


@functools.cache
def differentiator(channels: int) -> Any:
    """Return the kernel that differentiates a blend of so many channels."""
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique", module_options=PLAIN_PRODUCTS)
    def kernel(
        view: View,
        lists: Lists,
        features: wp.array(dtype=kind),
        lights: wp.array(dtype=float),
        walked: wp.array(dtype=int),
        by_blended: wp.array(dtype=kind),
        by_alphas: wp.array(dtype=float),
        said: wp.array2d(dtype=float),
        by_flat: wp.array(dtype=Flat),
    ):
        tile, lane = wp.tid()
        left, top = (tile % view.tiles_x) * TILE, (tile // view.tiles_x) * TILE
        x, y = left + lane % TILE, top + lane // TILE
        place = wp.vec2(float(x) + 0.5, float(y) + 0.5)
        seen, by_alpha, wanted = int(0), float(0.0), kind(0.0)
        behind = wp.vec2(1.0, 0.0)
        if x < view.width and y < view.height:
            pixel = y * view.width + x
            behind = wp.vec2(lights[pixel], 0.0)
            seen = walked[pixel]
            wanted = by_blended[pixel]
            by_alpha = by_alphas[pixel]
        table = wp.tile_transpose(wp.tile(wanted))
        middle = wp.vec2(float(left) + 0.5 * float(TILE), float(top) + 0.5 * float(TILE))
        products = wp.tile_transpose(wp.tile(powers(place - middle)))
        total = wp.tile_extract(wp.tile_max(wp.tile(seen)), 0)
        for done in range(0, total, THREADS):
            # Lane 0 has the hindmost entry.
            own, feature, slot = Flat(), kind(0.0), int(0)
            if done + lane < total:
                entry = lists.starts[tile] + total - 1 - done - lane
                own = lists.flat[lists.owners[entry]]
                feature = features[lists.owners[entry]]
                slot = lists.slots[entry]
            shared = wp.tile(own, preserve_type=True)
            carriage = wp.tile(feature, preserve_type=True)
            carriage[0]  # only what a kernel reads itself lies where its functions can read it, too
            places = wp.tile(slot)
            count = wp.min(total - done, THREADS)
            for part in range(0, count, AT_ONCE):
                weights, by_sigmas, behind = slopes_of(
                    view, shared, carriage, wanted, by_alpha, part, total - seen - done, count, place, behind
                )
                sums = wp.tile_matmul(wp.tile(weights), table)
                for item in range(lane, AT_ONCE * channels, THREADS):
                    row = item // channels
                    if part + row < count:
                        said[places[part + row], item % channels] = sums[row, item % channels]
                m = wp.tile_matmul(wp.tile(by_sigmas), products)
                if lane < AT_ONCE and part + lane < count:
                    gaussian = shared[part + lane]
                    moments = Flat(m[lane, 0], m[lane, 1], m[lane, 2], m[lane, 3], m[lane, 4], m[lane, 5])
                    by_flat[places[part + lane]] = about_mean(gaussian, middle, moments)

    return kernel
