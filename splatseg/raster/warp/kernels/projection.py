"""Gaussians on screen: projection by the local affine approximation, and a Gaussian's alpha at a pixel.

Source: EWA splatting (Zwicker et al. 2001), as in `raster.reference`, which defines the answer.
"""

import os

import warp as wp

TILE = 8 if os.environ.get("SPLATSEG_WARP_TILE") == "8" else 16
"""Side of a tile, pixels: 16, or 8 where the environment says so, to compare the two on a card (`gpu_check.py`).

A block of threads has a thread for each pixel of a tile.
"""

LOOKED_AT = 256
"""Most tiles of a Gaussian's box that are looked at one by one; the few Gaussians with more get all of them."""


@wp.struct
class View:
    """Camera and cut-offs, as kernels read them."""

    rotation: wp.mat33
    translation: wp.vec3
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    tiles_x: int
    tiles_y: int
    near: float
    eps2d: float
    alpha_min: float
    alpha_max: float
    transmittance_min: float
    margin: float


Flat = wp.types.vector(length=6, dtype=wp.float32)
"""A Gaussian on screen: mean x, y; inverse covariance xx, xy, yy; opacity."""


Span = wp.types.vector(length=5, dtype=wp.int32)
"""The tiles of a Gaussian's box: left, top, right, bottom, the latter two behind the last; and how many it gets."""


@wp.struct
class Lists:
    """Gaussians on screen, and the entries of all tiles (see `lists.Prepared`)."""

    flat: wp.array(dtype=Flat)
    owners: wp.array(dtype=int)
    slots: wp.array(dtype=int)
    starts: wp.array(dtype=int)


@wp.func
def rotation_of(quat: wp.vec4):
    """Return the rotation of a quaternion wxyz of any length but 0."""
    unit = quat / wp.length(quat)
    w, x, y, z = unit[0], unit[1], unit[2], unit[3]
    return wp.mat33(
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y - w * z),
        2.0 * (x * z + w * y),
        2.0 * (x * y + w * z),
        1.0 - 2.0 * (x * x + z * z),
        2.0 * (y * z - w * x),
        2.0 * (x * z - w * y),
        2.0 * (y * z + w * x),
        1.0 - 2.0 * (x * x + y * y),
    )


@wp.func
def project_one(view: View, mean: wp.vec3, quat: wp.vec4, scale: wp.vec3):
    """Return mean, inverse covariance and covariance on screen, both as (xx, xy, yy), and the determinant."""
    local = view.rotation * mean + view.translation
    inverse = 1.0 / local[2]
    # Far outside the frustum the approximation blows up: the Jacobian there is that of the clamped direction.
    margin_x = view.margin * 0.5 * float(view.width) / view.fx
    margin_y = view.margin * 0.5 * float(view.height) / view.fy
    x = wp.clamp(
        local[0] * inverse, -(view.cx / view.fx + margin_x), (float(view.width) - view.cx) / view.fx + margin_x
    )
    y = wp.clamp(
        local[1] * inverse, -(view.cy / view.fy + margin_y), (float(view.height) - view.cy) / view.fy + margin_y
    )
    turned = view.rotation * rotation_of(quat) * wp.diag(scale)
    first = view.fx * inverse * (turned[0] - x * turned[2])
    second = view.fy * inverse * (turned[1] - y * turned[2])
    own_xx, own_yy = wp.dot(first, first), wp.dot(second, second)
    xx, xy, yy = own_xx + view.eps2d, wp.dot(first, second), own_yy + view.eps2d
    # xx yy - xy^2 without its cancellation (Cauchy and Binet).
    across = wp.cross(first, second)
    det = wp.dot(across, across) + view.eps2d * (own_xx + own_yy + view.eps2d)
    place = wp.vec2(view.fx * local[0] * inverse + view.cx, view.fy * local[1] * inverse + view.cy)
    return place, wp.vec3(yy / det, -xy / det, xx / det), wp.vec3(xx, xy, yy), det


@wp.func
def all_finite(mean: wp.vec3, quat: wp.vec4, scale: wp.vec3, opacity: float):
    """Return True if a Gaussian can be drawn at all."""
    finite = wp.isfinite(mean) and wp.isfinite(quat) and wp.isfinite(scale) and wp.isfinite(opacity)
    return finite and wp.length_sq(quat) > 0.0


@wp.func
def tile_span(low: float, high: float, pixels: int):
    """Return the first tile with a pixel whose centre lies in low..high, and the one behind the last."""
    # Half a thousandth of a pixel more: rounding shall lose no pixel at the edge.
    first = wp.clamp(wp.ceil(low - 0.5005), 0.0, float(pixels))
    last = wp.clamp(wp.floor(high - 0.4995), -1.0, float(pixels - 1))
    begin, end = int(first) // TILE, (int(last) + TILE) // TILE
    return begin, wp.max(end, begin)


@wp.func
def least_on_line(across: float, low: float, high: float, own: float, other: float, mixed: float):
    """Return the least of 0.5 (own a^2 + other b^2) + mixed a b for a = across and b in low..high."""
    along = wp.clamp(-mixed * across / other, low, high)
    return 0.5 * (own * across * across + other * along * along) + mixed * across * along


@wp.func
def reaches(view: View, flat: Flat, tile_x: int, tile_y: int):
    """Return False for a tile in which no pixel's centre has an alpha of alpha_min or more."""
    # Pixel centres of the tile, seen from the mean.
    left, top = float(tile_x * TILE) + 0.5 - flat[0], float(tile_y * TILE) + 0.5 - flat[1]
    right, bottom = left + float(TILE - 1), top + float(TILE - 1)
    if left <= 0.0 and right >= 0.0 and top <= 0.0 and bottom >= 0.0:
        return True
    # Outside its mean a Gaussian is largest on the border: sigma is convex.
    sides = wp.min(
        least_on_line(left, top, bottom, flat[2], flat[4], flat[3]),
        least_on_line(right, top, bottom, flat[2], flat[4], flat[3]),
    )
    ends = wp.min(
        least_on_line(top, left, right, flat[4], flat[2], flat[3]),
        least_on_line(bottom, left, right, flat[4], flat[2], flat[3]),
    )
    # A little more: rounding shall lose no pixel at the edge.
    return wp.min(sides, ends) <= 1.001 * wp.log(flat[5] / view.alpha_min) + 0.001


@wp.func
def counted(view: View, flat: Flat, span: Span, tile_x: int, tile_y: int):
    """Return True if a tile of a Gaussian's span gets it: of few tiles those that it reaches, of many all."""
    few = (span[2] - span[0]) * (span[3] - span[1]) <= LOOKED_AT
    return not few or reaches(view, flat, tile_x, tile_y)


@wp.kernel(enable_backward=False)
def project(
    view: View,
    means: wp.array(dtype=wp.vec3),
    quats: wp.array(dtype=wp.vec4),
    scales: wp.array(dtype=wp.vec3),
    opacities: wp.array(dtype=float),
    offsets: wp.array(dtype=wp.vec2),
    flat: wp.array(dtype=Flat),
    depths: wp.array(dtype=float),
    radii: wp.array(dtype=int),
    spans: wp.array(dtype=Span),
):
    """Project all Gaussians; one that is not drawn has depth infinity, radius 0 and no tiles."""
    i = wp.tid()
    depths[i] = wp.inf
    radii[i] = 0
    spans[i] = Span(0, 0, 0, 0, 0)
    opacity = opacities[i]
    if not all_finite(means[i], quats[i], scales[i], opacity):
        return
    depth = wp.dot(view.rotation[2], means[i]) + view.translation[2]
    if depth < view.near or opacity < view.alpha_min:
        return
    place, conic, covariance, det = project_one(view, means[i], quats[i], scales[i])
    if not (det > 0.0 and wp.isfinite(det) and wp.isfinite(conic)):
        return
    if offsets:
        place = place + offsets[i]
    # On the ellipse alpha = alpha_min sigma is log(opacity / alpha_min); its half-side along x is sqrt(2 sigma xx).
    reach = 2.0 * wp.log(wp.max(opacity / view.alpha_min, 1.0))
    side = wp.vec2(wp.sqrt(covariance[0] * reach), wp.sqrt(covariance[2] * reach))
    low, high = place - side, place + side
    if not (high[0] > 0.0 and high[1] > 0.0 and low[0] < float(view.width) and low[1] < float(view.height)):
        return
    left, right = tile_span(low[0], high[0], view.width)
    top, bottom = tile_span(low[1], high[1], view.height)
    depths[i] = depth
    radii[i] = int(wp.ceil(wp.min(wp.max(side[0], side[1]), 1.0e9)))
    span = Span(left, top, right, bottom, 0)
    found = Flat(place[0], place[1], conic[0], conic[1], conic[2], opacity)
    count = int(0)
    for y in range(top, bottom):
        for x in range(left, right):
            if counted(view, found, span, x, y):
                count += 1
    spans[i] = Span(left, top, right, bottom, count)
    flat[i] = found


@wp.kernel
def project_drawn(
    view: View,
    means: wp.array(dtype=wp.vec3),
    quats: wp.array(dtype=wp.vec4),
    scales: wp.array(dtype=wp.vec3),
    radii: wp.array(dtype=int),
    places: wp.array(dtype=wp.vec2),
    conics: wp.array(dtype=wp.vec3),
):
    """Do what `project` does with Gaussians that are drawn, so that Warp derives the gradient of it."""
    i = wp.tid()
    if radii[i] > 0:
        place, conic, _covariance, _det = project_one(view, means[i], quats[i], scales[i])
        places[i] = place
        conics[i] = conic


@wp.func
def pixel_of(view: View, tile: int, lane: int):
    """Return the pixel, column and row, of a thread of a tile's block; it may lie outside the image."""
    return (tile % view.tiles_x) * TILE + lane % TILE, (tile // view.tiles_x) * TILE + lane // TILE


@wp.func
def sigma_at(flat: Flat, x: float, y: float):
    """Return half the squared distance of a pixel's centre from a Gaussian, in its own standard deviations."""
    dx, dy = x - flat[0], y - flat[1]
    return 0.5 * (flat[2] * dx * dx + flat[4] * dy * dy) + flat[3] * dx * dy


@wp.func
def alpha_at(view: View, flat: Flat, x: float, y: float):
    """Return a Gaussian's alpha at a pixel's centre, clamped, or 0 where it does not contribute."""
    sigma = sigma_at(flat, x, y)
    alpha = wp.min(flat[5] * wp.exp(-sigma), view.alpha_max)
    if sigma < 0.0 or alpha < view.alpha_min:
        alpha = float(0.0)
    return alpha


@wp.kernel(enable_backward=False)
def write_entries(
    view: View,
    order: wp.array(dtype=int),
    flat: wp.array(dtype=Flat),
    spans: wp.array(dtype=Span),
    ends: wp.array(dtype=wp.int64),
    tiles: wp.array(dtype=int),
    slots: wp.array(dtype=int),
    owners: wp.array(dtype=int),
):
    """Write the tiles that Gaussians may reach to their slots, front to back."""
    rank = wp.tid()
    owner = order[rank]
    span = spans[owner]
    end = int(ends[rank])
    slot = end - span[4]
    for y in range(span[1], span[3]):
        for x in range(span[0], span[2]):
            if slot < end and counted(view, flat[owner], span, x, y):
                tiles[slot] = y * view.tiles_x + x
                slots[slot] = slot
                owners[slot] = owner
                slot += 1
    # Compiled into two kernels, `counted` may round otherwise at its very edge, where nothing is seen: what is then
    # left over goes behind the last tile.
    while slot < end:
        tiles[slot] = view.tiles_x * view.tiles_y
        slots[slot] = slot
        owners[slot] = owner
        slot += 1
