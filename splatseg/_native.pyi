"""The native extension, compiled from native/. Used through splatseg.raster; its contract is native/raster/raster.h."""

import numpy as np
from torch import Tensor

Array = Tensor | np.ndarray

class Camera:
    """Pose, intrinsics and cut-offs (near, eps2d, alpha_min, alpha_max, transmittance_min, frustum_margin)."""

    def __init__(self, viewmat: np.ndarray, K: np.ndarray, width: int, height: int, cutoffs: list[float]) -> None: ...

class Plan:
    """Prepared geometry: projection, depth order and tile lists."""

    @property
    def count(self) -> int: ...
    @property
    def drawn(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def project_ms(self) -> float: ...
    @property
    def bin_ms(self) -> float: ...

class SparseMatrix:
    """A sparse matrix of weights, by rows (native/sparse/sparse.h)."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def ascending(self) -> bool: ...
    def window(self, begin: int, end: int) -> SparseMatrix:
        """Return rows begin to end - 1 of a CSR matrix, which must have been checked."""

    def picked(self, numbers: np.ndarray) -> SparseMatrix:
        """Return the rows `numbers` (n,) int32 of a CSR matrix, which must have been checked."""

class GramSums:
    """Sums of `gram_product` on their way."""

    @property
    def rounds(self) -> int: ...

class OpenTallies:
    """Tallies of groups 0..count - 1 on their way (native/votes/tallies.h)."""

    def __init__(self, count: int, masks: int, views: int) -> None: ...

class PointTree:
    """A tree of points (native/points/neighbours.h)."""

    @property
    def count(self) -> int: ...

def prepare(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    means2d_offset: Tensor | None,
    camera: Camera,
    radii: Tensor,
    threads: int,
) -> Plan: ...
def empty(shape: tuple[int, ...]) -> Tensor:
    """Return an uninitialised float32 tensor, in memory that is reused when the tensor is gone."""

def free_scratch() -> None:
    """Give the memory that is kept for reuse back to the system: for a program that goes on with less than before."""

def blend(plan: Plan, features: Tensor, blended: Tensor, alphas: Tensor, threads: int) -> None: ...
def blend_levels(plan: Plan, levels: Tensor, count: int, share: float, out: Tensor, threads: int) -> None: ...
def label_map(plan: Plan, labels: Tensor, count: int, out: Tensor, threads: int) -> None: ...
def blend_middle(plan: Plan, values: Tensor, out: Tensor, threads: int) -> None: ...
def accumulate(plan: Plan, values: Tensor, sums: Tensor, threads: int) -> None: ...
def backward(
    plan: Plan,
    geometry: tuple[Tensor | None, ...],
    features: Tensor,
    blended: Tensor,
    alphas: Tensor,
    grad_blended: Tensor,
    grad_alphas: Tensor,
    grad_features: Tensor,
    grads: tuple[Tensor, ...],
    growth: tuple[Tensor, Tensor, Tensor] | None,
    threads: int,
) -> None: ...
def pixel_weights(plan: Plan, pixels: Tensor, threads: int) -> SparseMatrix:
    """Return (P,N) for pixels (P,2) int64: every Gaussian that contributes to each pixel, front to back."""

def sparse_product(matrix: SparseMatrix, dense: Array, out: Array, transposed: bool, threads: int) -> None: ...
def vote(plan: Plan, label_maps: Tensor, count: int, totals: Tensor, threads: int) -> SparseMatrix:
    """Return (N, count) for label maps (L,H,W) int32, and write totals (N,)."""

class KeptVotes:
    """Votes of one view above floors, Gaussian by Gaussian (native/votes/votes.h)."""

    @property
    def entries(self) -> int: ...

def vote_above(
    plan: Plan,
    label_maps: Tensor,
    count: int,
    share: float,
    least: float,
    ignored: int,
    totals: Tensor,
    threads: int,
) -> KeptVotes:
    """Return votes above `least` and `share` of the totals (N,), which are written; ignored: a label, 0 = none."""

def write_entries(votes: KeptVotes, rows: Tensor, columns: Tensor, weights: Tensor, threads: int) -> None: ...
def write_csr(matrix: SparseMatrix, indptr: Tensor, columns: Tensor, weights: Tensor, threads: int) -> None: ...
def csr_matrix(indptr: np.ndarray, columns: np.ndarray, weights: np.ndarray, width: int, threads: int) -> SparseMatrix:
    """Return the CSR matrix of arrays int64 or int32, int32, float32 and keep them alive.

    Raises ValueError for other arrays.
    """

def csr_rows(indptr: np.ndarray, columns: np.ndarray, weights: np.ndarray, width: int) -> SparseMatrix:
    """Return the CSR matrix of the same arrays before any of its rows was checked."""

def check_rows(matrix: SparseMatrix, end: int, threads: int) -> None:
    """Check the rows of a CSR matrix from the last that was checked to end - 1. Raises ValueError for bad ones."""

def gram_sums(height: int, dense: np.ndarray, room: int, threads: int) -> GramSums:
    """Return sums for a matrix (height,M) and dense (M,C), made in rounds that take `room` bytes each."""

def gram_product(
    matrix: SparseMatrix, scales: np.ndarray, sums: GramSums, index: int, count: int, threads: int
) -> None:
    """Add the share `index` of 0..count - 1 of matrix^T diag(scales (N,)) matrix dense (M,C)."""

def add_parts(sums: GramSums, out: np.ndarray, threads: int) -> None:
    """Add all shares of a round to out (M,C) float64, zero before the first, and begin the next round."""

def add_columns(matrix: SparseMatrix, sums: np.ndarray) -> None:
    """Add the sum of every column to sums (M,) float64, row by row."""

def add_to_groups(values: np.ndarray, groups: np.ndarray, sums: np.ndarray) -> None:
    """Add rows (n,C) to those of their groups (n,) int32 in sums (K,C), in order; below 0 = none."""

def order_by_group(groups: np.ndarray, first: np.ndarray, order: np.ndarray) -> None:
    """Write order (first[K],) int32: the rows of group k of groups (n,) int32, from first[k] on, rising."""

MaskViews = tuple[np.ndarray, np.ndarray, int, int]
"""view_of (M,), layer_of (M,) int32, number of views, number of layers (native/votes/rows.h)."""

def tallies(
    votes: SparseMatrix,
    masks: MaskViews,
    groups: np.ndarray,
    open: OpenTallies,
    threads: int,
) -> None: ...
def close_tallies(tallies: OpenTallies) -> int:
    """Return how many sums there are, after the last block."""

def write_tallies(tallies: OpenTallies, first: np.ndarray, numbers: np.ndarray, sums: np.ndarray) -> None:
    """Write the sums of closed tallies: those of group k from first[k] on, first (K+1,)."""

SparseVector = tuple[np.ndarray, np.ndarray]
"""numbers (e,) int32, ascending, and sums (e,) float32."""

def add_sparse_vectors(one: SparseVector, other: SparseVector, numbers: np.ndarray, sums: np.ndarray) -> int:
    """Write the sum of two sparse vectors into arrays with room for both, and return its length."""

OfMasks = tuple[np.ndarray, np.ndarray, int]
"""view_of (M,) int32, ascending, total (M,) float32, number of views V (native/votes/tallies.h)."""

def best_masks(tally: SparseVector, masks: OfMasks, columns: np.ndarray, values: np.ndarray) -> None:
    """Write the best mask of every view for a set into columns (V,) int32, -1 before, and values (2,V), 0 before.

    values: the IoU with this mask, and the most that IoU x inside is of any mask of the view.
    """

def explained_by_union(one: SparseVector, other: SparseVector, masks: OfMasks, values: np.ndarray) -> None:
    """Write values (3,V), 0 before, for two sets that have no Gaussian in common.

    By view, the most that the union's IoU x inside of the one and of the other is, and the most that the other's own
    IoU x (1 - inside / seen of the one) is.
    """

def weighted_rows(votes: SparseMatrix, weight: np.ndarray, out: np.ndarray, threads: int) -> None: ...
def under_masks(votes: SparseMatrix, masks: MaskViews, seen: np.ndarray, threads: int) -> None: ...
def follow_majority(
    votes: SparseMatrix, says: np.ndarray, members: np.ndarray, out: np.ndarray, threads: int
) -> None: ...
def follow_matches(
    votes: SparseMatrix,
    masks: MaskViews,
    weight: np.ndarray,
    quality: np.ndarray,
    members: np.ndarray,
    out: np.ndarray,
    threads: int,
) -> None: ...
def reassigned(
    votes: SparseMatrix,
    masks: MaskViews,
    matches: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    ids: np.ndarray,
    evidence: float,
    out: np.ndarray,
    threads: int,
) -> None: ...
def joined_masks(votes: SparseMatrix, heavy: np.ndarray, share: float, out: np.ndarray, threads: int) -> None: ...
def stack_views(
    views: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    begin: int,
    end: int,
    indptr: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    threads: int,
) -> None: ...
def point_tree(points: np.ndarray, use: np.ndarray | None, leaves: np.ndarray | None, threads: int) -> PointTree:
    """Return the tree of the points (n,3) in `use` (n,) uint8, in memory (ceil(n / 16), 256) uint8 for its leaves."""

def nearest_points(tree: PointTree, points: np.ndarray, out: np.ndarray, threads: int) -> None:
    """Write out (q,) int32: the point of the tree nearest to each of points (q,3), the lowest of equals."""

def merge_gaussians(
    parts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    rows: np.ndarray,
    starts: np.ndarray,
    blur: float,
    out: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    shares: np.ndarray,
    threads: int,
) -> None:
    """Merge groups of Gaussians to one each: means, quats, scales, opacities (S,...), and shares (K,) of the parts.

    parts: the same of N Gaussians. rows (K,) int32 and starts (S+1,) int64: the parts of each group. blur: variance
    that a picture adds to each. The law is in native/points/merge.cpp.
    """

def mean_of_groups(
    values: np.ndarray, rows: np.ndarray, starts: np.ndarray, shares: np.ndarray, out: np.ndarray, threads: int
) -> None:
    """Write out (S,C): for each group of rows (K,) of values (N,C) the sum of shares (K,) times values."""

def flags_of(flags: np.ndarray, rows: np.ndarray, out: np.ndarray, threads: int) -> None:
    """Write out (n,) float32: 1 for each of rows (n,) int32 whose flag (N,) uint8 is not 0, 0 for the others."""

def reaching(means: Array, reaches: Array, faces: np.ndarray, slack: np.ndarray, out: np.ndarray, threads: int) -> None:
    """Write out (N,) uint8: 0 for spheres out of a convex region, 1 for the others (native/points/reach.h).

    means (N,3), reaches (N,): centres and radii. faces (P,5), slack (5,): factors of x, y, z, 1 and the radius.
    """

TouchingRule = tuple[int, float, float, int]
"""Neighbours, gap, reach_factor, distances kept (native/points/neighbours.h)."""

def touching(tree: PointTree, reach: np.ndarray, rule: TouchingRule, out: np.ndarray, threads: int) -> None:
    """Write out (n,) int32: the set of points that touch, directly or by a chain, 0 the largest."""

def touching_groups(
    tree: PointTree,
    points: np.ndarray,
    reach: np.ndarray,
    groups: np.ndarray,
    rule: TouchingRule,
    least: int,
    threads: int,
) -> list[tuple[int, int]]:
    """Return the pairs of groups (n,) above 0 that touch at least `least` times."""

def touching_neighbours(
    tree: PointTree,
    points: np.ndarray,
    reach: np.ndarray,
    gap: float,
    reach_factor: float,
    out: np.ndarray,
    threads: int,
) -> None:
    """Write out (n,k): those of the k nearest neighbours of each point that it touches, -1 for the others."""

def nearest_prototypes(
    features: np.ndarray,
    prototypes: np.ndarray,
    guesses: np.ndarray,
    out: np.ndarray,
    products: np.ndarray | None,
    threads: int,
) -> None:
    """Write out (N,): for each row (N,F) the prototype (K,F) with the largest product; guesses (N,), below 0 = none.

    products (N,): those products.
    """

def photometric(
    image: Tensor, target: Tensor, ssim_weight: float, gradient: Tensor | None, threads: int
) -> tuple[float, float]:
    """Return (L1, SSIM), and write the gradient of the loss with respect to the image."""

def colors(
    means: Tensor, position: list[float], sh0: Tensor, shN: Tensor, degree: int, out: Tensor, threads: int
) -> None:
    """Write out (N,3): colours of spherical harmonics seen from a position, clamped below at 0."""

def colors_backward(
    means: Tensor,
    position: list[float],
    sh0: Tensor,
    shN: Tensor,
    degree: int,
    out: Tensor,
    grad: Tensor,
    grad_sh0: Tensor,
    grad_shN: Tensor,
    threads: int,
) -> None:
    """Write the gradients of the coefficients, from the colours and their gradient."""

def adam(
    value: Tensor, gradient: Tensor | None, first: Tensor, second: Tensor, step: list[float], threads: int
) -> None:
    """Take a step of Adam for numbers (N,) and their moments in place; without a gradient it is zero.

    Moments are float32, or packed in int16 (native/image/adam.h).

    step: (b1, b2, lr / (1 - b1^t), sqrt(1 - b2^t), eps, t).
    """

def colors_adam(
    means: Tensor,
    position: list[float],
    degree: int,
    out: Tensor,
    grad: Tensor,
    of_sh0: tuple[Tensor, Tensor, Tensor],
    sh0_step: list[float],
    of_shN: tuple[Tensor, Tensor, Tensor],
    shN_step: list[float],
    threads: int,
) -> None:
    """Take a step of Adam for coefficients and their moments in place, from the colours and their gradient."""

def merge_regions(
    regions: np.ndarray,
    histograms: np.ndarray,
    pairs: np.ndarray,
    borders: np.ndarray,
    pixels: float,
    weights: np.ndarray,
    bias: float,
    size: float,
    patience: float,
    probability: bool,
    merges: np.ndarray,
    costs: np.ndarray,
) -> int:
    """Write the merge tree of regions (R,20) touching in pairs (E,2) with borders (E,7): merges (R-1,2), costs (R-1,).

    The columns and costs are defined in native/regions/merge.h. Returns the number of merges.
    """

def border_cues(
    regions: np.ndarray,
    histograms: np.ndarray,
    pairs: np.ndarray,
    borders: np.ndarray,
    pixels: float,
    cues: np.ndarray,
) -> None:
    """Write the cues (E,15) of every pair of regions, as `merge_regions` weighs them, unmerged."""

def add_contacts(
    places: np.ndarray,
    gaps: np.ndarray,
    region_of: np.ndarray,
    weights: np.ndarray,
    ends: np.ndarray,
    sums: np.ndarray,
    totals: np.ndarray,
    threads: int,
) -> None:
    """Add to sums (E,T) and totals (E,) the heights at which the regions of pairs of Gaussians (E,2) join.

    places (T,R) int32 and gaps (T,L,R) float32 are T trees (native/regions/joins.h); region_of (N,) int32, -1 = none.
    """

def add_joins(
    merges: np.ndarray,
    heights: np.ndarray,
    starts: np.ndarray,
    sets: np.ndarray,
    amounts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add to sums (K,K) the heights at which what K sets have in regions joins in a tree, each pair in one order.

    The sets of region r are sets and amounts [starts[r]:starts[r + 1]]; merges (R-1,2) int32, heights (R-1,) float32.
    """

def off_planes(planes: np.ndarray, out: np.ndarray) -> None:
    """Write the mean squared distance (R,) of regions from their best planes, from sums (R,10) over the surface."""

def peak_gflops(threads: int) -> float:
    """Measure the processor's peak at the SIMD level in use, in 1e9 operations (multiply-adds) a second."""

def simd_level() -> str:
    """Return the SIMD level in use: v2, v3 or v4 on x86-64, baseline on other processors."""

def simd_levels() -> list[str]:
    """Return the levels that this processor runs, the best first."""

def use_one_heap() -> None:
    """Take memory for later threads from one heap, so that `free_scratch` gives back what they have freed (glibc)."""

def use_simd_level(name: str) -> None:
    """Switch the level (for tests; users set SPLATSEG_SIMD). Raises ValueError for a level that cannot run here."""

def warp_bytes(places: Array, step: int, old_picture: Array, picture: Array, threads: int) -> None: ...
def warp_cubic(places: Array, step: int, old_picture: Array, picture: Array, threads: int) -> None: ...
def warp_floats(places: Array, step: int, old_picture: Array, picture: Array, threads: int) -> None: ...
def warp_indices(places: Array, step: int, old_height: int, old_width: int, found: Array, threads: int) -> None: ...
def warp_labels(places: Array, step: int, old_labels: Array, nothing: int, found: Array, threads: int) -> None: ...
