// Votes of one tile: blending weights summed by Gaussian and label, in one pass however many labels there are.
//
// A block of 4x4 pixels has one label or a few. The weights of 16 Gaussians of its list are transposed, so that a sum
// over pixels is a sum of vectors; what all pixels of the block share is summed once, for all layers.
#include <utility>

#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"
#include "votes/votes.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

struct LabelSet {  // pixels of a block that have the label of a column
    uint32_t lanes;
    int32_t column;
};

// Memory of one worker.
struct VoteScratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];
    alignas(64) float by_pixel[kLanes][kLanes];  // of 16 Gaussians of a list
    uint32_t inside[kBlocks];
    int first_set[kBlocks + 1];
};

struct VoteMemory {
    VoteScratch& s;
    float* table;          // (columns, kChunk); column 0 is the total
    LabelSet* sets;        // block by block
    int32_t* column_of;    // (count + 1,) zero where the tile has not that label
    uint32_t* labels;      // (columns,) of each column
    uint32_t* row_labels;  // (columns,) of the entry that is written
    float* row_weights;
};

// Finds the labels of each block. Returns the number of columns.
int find_labels(const Plan& plan, const LabelMaps& maps, const TileGeometry& g, const VoteMemory& m) {
    const int64_t width = plan.camera.width, pixels = width * plan.camera.height;
    int columns = 1, sets = 0;
    for (int block = 0; block < kBlocks; ++block) {
        m.s.first_set[block] = sets;
        const uint32_t inside = m.s.inside[block] = lanes_inside(g, block);
        const int64_t corner = (g.top + (block / kSide) * kBlock) * width + g.left + (block % kSide) * kBlock;
        for (int64_t layer = 0; layer < maps.layers && inside; ++layer) {
            int32_t label[kLanes] = {};
            for (uint32_t left = inside; left; left &= left - 1) {
                const int p = __builtin_ctz(left);
                label[p] = maps.labels[layer * pixels + corner + (p / 4) * width + p % 4];
            }
            uint32_t left = 0;
            for (int p = 0; p < kLanes; ++p) left |= static_cast<uint32_t>(label[p] != 0) << p;
            while (left) {
                const int32_t found = label[__builtin_ctz(left)];
                uint32_t lanes = 0;
                for (int p = 0; p < kLanes; ++p) lanes |= static_cast<uint32_t>(label[p] == found) << p;
                if (!m.column_of[found]) {
                    m.labels[columns] = static_cast<uint32_t>(found);
                    m.column_of[found] = columns++;
                }
                m.sets[sets++] = {lanes, m.column_of[found]};
                left &= ~lanes;
            }
        }
    }
    m.s.first_set[kBlocks] = sets;
    for (int column = 1; column < columns; ++column) m.column_of[m.labels[column]] = 0;
    return columns;
}

SPLATSEG_INLINE void add_to_column(const float* sums, const int32_t* list, int n, float* column) {
    for (int j = 0; j < n; ++j) column[list[j]] += sums[j];
}

// Adds the weights (n, 16) of a block's list to the table.
SPLATSEG_NOINLINE void add_block(int block, const VoteMemory& m) {
    VoteScratch& s = m.s;
    const int n = s.chunk.length[block];
    for (int first = 0; first < n; first += kLanes) {
        const int32_t* list = s.chunk.list[block] + first;
        const int count = n - first < kLanes ? n - first : kLanes;
        Vec rows[kLanes];
        SPLATSEG_UNROLL
        for (int i = 0; i < kLanes; ++i) rows[i] = load(s.weights + (first + i) * kLanes);
        transpose(rows);
        SPLATSEG_UNROLL
        for (int p = 0; p < kLanes; ++p) store(s.by_pixel[p], rows[p]);
        SPLATSEG_UNROLL
        for (int step = kLanes / 2; step > 0; step /= 2) {
            SPLATSEG_UNROLL
            for (int p = 0; p < step; ++p) rows[p] = rows[p] + rows[p + step];
        }
        alignas(64) float total[kLanes], sums[kLanes];
        store(total, rows[0]);
        add_to_column(total, list, count, m.table);
        for (int i = s.first_set[block]; i < s.first_set[block + 1]; ++i) {
            float* column = m.table + m.sets[i].column * kChunk;
            if (m.sets[i].lanes == s.inside[block]) {
                add_to_column(total, list, count, column);
                continue;
            }
            Vec sum = broadcast(0.0f);
            for (uint32_t left = m.sets[i].lanes; left; left &= left - 1)
                sum = sum + load(s.by_pixel[__builtin_ctz(left)]);
            store(sums, sum);
            add_to_column(sums, list, count, column);
        }
    }
}

// Keeps what the table says of n entries.
void write_entries(const VoteMemory& m, int n, int columns, EntryVotes* entries, Arena& arena) {
    for (int k = 0; k < n; ++k) {
        entries[k] = {nullptr, nullptr, 0, 0.0f};
        if (!(m.s.chunk.used[k / kLanes] >> (k % kLanes) & 1)) continue;
        uint32_t count = 0;
        for (int column = 1; column < columns; ++column) {
            m.row_labels[count] = m.labels[column];
            m.row_weights[count] = m.table[column * kChunk + k];
            count += m.row_weights[count] > 0.0f;
        }
        uint32_t* labels = arena.take(2 * count);
        float* weights = reinterpret_cast<float*>(labels + count);
        std::memcpy(labels, m.row_labels, sizeof(uint32_t) * count);
        std::memcpy(weights, m.row_weights, sizeof(float) * count);
        entries[k] = {labels, weights, count, m.table[k]};
    }
}

void vote_in_tile(const Plan& plan, const LabelMaps& maps, const Limits& limits, int64_t tile, const VoteMemory& m,
                  EntryVotes* entries, Arena& arena) {
    VoteScratch& s = m.s;
    const TileGeometry g = tile_geometry(plan, tile);
    const uint32_t* ids = plan.tile_ids.as<uint32_t>();
    const uint32_t begin = plan.tile_start.as<uint32_t>()[tile], end = plan.tile_start.as<uint32_t>()[tile + 1];
    if (begin == end) return;
    const auto chunk_size = [end](uint32_t entry) {
        return end - entry < kChunk ? static_cast<int>(end - entry) : kChunk;
    };
    prefetch_records(plan, ids + begin, chunk_size(begin));
    const int columns = find_labels(plan, maps, g, m);
    BlockState state[kBlocks];
    BlockSet alive = 0;
    for (int block = 0; block < kBlocks; ++block) {
        state[block] = first_state(s.inside[block]);
        if (s.inside[block]) alive |= BlockSet{1} << block;
    }
    uint32_t entry = begin;
    for (; entry < end && alive; entry += chunk_size(entry)) {
        const int n = chunk_size(entry);
        load_chunk(plan, g, limits, ids + entry, n, alive, s.chunk);
        if (entry + n < end) prefetch_records(plan, ids + entry + n, chunk_size(entry + n));
        std::memset(m.table, 0, sizeof(float) * columns * kChunk);
        for (int block = 0; block < kBlocks; ++block) {
            if (!(alive >> block & 1) || s.chunk.length[block] == 0) continue;
            const BlockConstants constants = block_constants(limits, block);
            if (!list_weights(constants, s.chunk, s.chunk.list[block], s.chunk.length[block], state[block], s.weights))
                alive &= ~(BlockSet{1} << block);
            add_block(block, m);
        }
        write_entries(m, n, columns, entries + entry, arena);
    }
    for (; entry < end; ++entry) entries[entry] = {nullptr, nullptr, 0, 0.0f};
}

size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

void vote(const Plan& plan, const LabelMaps& maps, EntryVotes* entries, Arena* arenas, int threads) {
    const Limits limits = limits_of(plan.cutoffs);
    const size_t pixels = static_cast<size_t>(kTile) * kTile * maps.layers;
    const size_t columns = 1 + (pixels < static_cast<size_t>(maps.count) ? pixels : maps.count);
    const size_t table = padded(sizeof(float) * columns * kChunk), sets = padded(sizeof(LabelSet) * pixels);
    const size_t lookup = padded(sizeof(int32_t) * (maps.count + 1)), row = padded(sizeof(uint32_t) * columns);
    const size_t each = padded(sizeof(VoteScratch)) + table + sets + lookup + 3 * row;
    const Buffer scratch(each * threads);
    const auto memory = [&](int worker) {
        char* mine = scratch.as<char>() + each * worker;
        char* next = mine + padded(sizeof(VoteScratch));
        const auto take = [&next](size_t bytes) { return std::exchange(next, next + bytes); };
        float* the_table = reinterpret_cast<float*>(take(table));
        LabelSet* the_sets = reinterpret_cast<LabelSet*>(take(sets));
        int32_t* column_of = reinterpret_cast<int32_t*>(take(lookup));
        uint32_t* labels = reinterpret_cast<uint32_t*>(take(row));
        uint32_t* row_labels = reinterpret_cast<uint32_t*>(take(row));
        return VoteMemory{*reinterpret_cast<VoteScratch*>(mine), the_table, the_sets, column_of, labels, row_labels,
                          reinterpret_cast<float*>(take(row))};
    };
    for (int worker = 0; worker < threads; ++worker) std::memset(memory(worker).column_of, 0, lookup);
    parallel_for(static_cast<int64_t>(plan.tiles_x) * plan.tiles_y, threads, [&](int64_t tile, int worker) {
        vote_in_tile(plan, maps, limits, plan.tile_order.as<uint32_t>()[tile], memory(worker), entries, arenas[worker]);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
