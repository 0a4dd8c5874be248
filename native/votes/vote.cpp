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
    int32_t* found;  // (columns,)
};

// Finds the labels of each block. Returns the number of columns.
int find_labels(const Plan& plan, const LabelMaps& maps, const TileGeometry& g, const VoteMemory& m) {
    const int64_t width = plan.camera.width, pixels = width * plan.camera.height;
    int columns = 1, sets = 0;
    const auto column_for = [&](int32_t label) {
        if (!m.column_of[label]) {
            m.labels[columns] = static_cast<uint32_t>(label);
            m.column_of[label] = columns++;
        }
        return m.column_of[label];
    };
    for (int block = 0; block < kBlocks; ++block) {
        m.s.first_set[block] = sets;
        const uint32_t inside = m.s.inside[block] = lanes_inside(g, block);
        const int64_t corner = corner_of(plan, g, block);
        for (int64_t layer = 0; layer < maps.layers && inside; ++layer) {
            const int32_t* pixel = maps.labels + layer * pixels + corner;
            int32_t label[kLanes] = {};
            uint32_t left = 0;
            if (inside == first_lanes(kLanes)) {
                int32_t differing = 0;
                for (int p = 0; p < kLanes; ++p) {
                    label[p] = pixel[(p / 4) * width + p % 4];
                    differing |= label[p] ^ label[0];
                }
                if (differing == 0) {
                    if (label[0] != 0) m.sets[sets++] = {inside, column_for(label[0])};
                    continue;
                }
            } else {
                for (uint32_t lanes = inside; lanes; lanes &= lanes - 1) {
                    const int p = __builtin_ctz(lanes);
                    label[p] = pixel[(p / 4) * width + p % 4];
                }
            }
            for (int p = 0; p < kLanes; ++p) left |= static_cast<uint32_t>(label[p] != 0) << p;
            while (left) {  // the label of the lowest pixel left, with all pixels that share it
                const int32_t found = label[__builtin_ctz(left)];
                uint32_t lanes = 0;
                for (int p = 0; p < kLanes; ++p) lanes |= static_cast<uint32_t>(label[p] == found) << p;
                m.sets[sets++] = {lanes, column_for(found)};
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
        // Halves onto halves: vector 0 becomes the sum over all pixels.
        SPLATSEG_UNROLL
        for (int step = kLanes / 2; step > 0; step /= 2) {
            SPLATSEG_UNROLL
            for (int p = 0; p < step; ++p) rows[p] = rows[p] + rows[p + step];
        }
        alignas(64) float total[kLanes], sums[kLanes];
        store(total, rows[0]);
        add_to_column(total, list, count, m.table);
        for (int i = s.first_set[block]; i < s.first_set[block + 1]; ++i) {
            float* column = m.table + static_cast<size_t>(m.sets[i].column) * kChunk;
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

// Keeps what the table says of n entries: for each its labels with a weight above zero.
void write_entries(const VoteMemory& m, int n, int columns, EntryVotes* entries, Arena& arena) {
    std::memset(entries, 0, sizeof(EntryVotes) * n);
    const Vec zero = broadcast(0.0f);
    for (int first = 0; first < n; first += kLanes) {
        uint32_t left = bits(greater(load(m.table + first), zero)) & m.s.chunk.used[first / kLanes];
        if (!left) continue;
        int found = 0;  // columns of any of the 16
        for (int column = 1; column < columns; ++column) {
            m.found[found] = column;
            found += bits(greater(load(m.table + static_cast<size_t>(column) * kChunk + first), zero)) != 0;
        }
        for (; left; left &= left - 1) {
            const int k = first + __builtin_ctz(left);
            uint32_t count = 0;
            for (int i = 0; i < found; ++i) {
                m.row_labels[count] = m.labels[m.found[i]];
                m.row_weights[count] = m.table[static_cast<size_t>(m.found[i]) * kChunk + k];
                count += m.row_weights[count] > 0.0f;  // or the next one takes its place
            }
            uint32_t* record = arena.take(2 + 2 * static_cast<size_t>(count));
            record[0] = count;
            std::memcpy(record + 1, m.table + k, sizeof(float));
            for (uint32_t i = 0; i < count; ++i) record[2 + i] = m.row_labels[i];
            for (uint32_t i = 0; i < count; ++i) std::memcpy(record + 2 + count + i, m.row_weights + i, sizeof(float));
            entries[k].record = record;
        }
    }
}

void vote_in_tile(const Plan& plan, const LabelMaps& maps, const Limits& limits, int64_t tile, const VoteMemory& m,
                  EntryVotes* votes, Arena& arena) {
    VoteScratch& s = m.s;
    const TileGeometry g = tile_geometry(plan, tile);
    const TileEntries entries = entries_of(plan, tile);
    if (entries.begin == entries.end) return;
    prefetch_records(plan, entries.ids + entries.begin, entries.chunk_size(entries.begin));
    const int columns = find_labels(plan, maps, g, m);
    Blocks blocks;
    start_blocks(g, blocks);
    uint32_t entry = entries.begin;
    for (; entry < entries.end && blocks.alive; entry += entries.chunk_size(entry)) {
        load_entries(plan, g, limits, entries, entry, blocks.alive, s.chunk);
        std::memset(m.table, 0, sizeof(float) * columns * kChunk);
        weigh_blocks(limits, s.chunk, blocks, s.weights, [&](int block) { add_block(block, m); });
        write_entries(m, entries.chunk_size(entry), columns, votes + entry, arena);
    }
    std::memset(votes + entry, 0, sizeof(EntryVotes) * (entries.end - entry));
}

}  // namespace

void vote(const Plan& plan, const LabelMaps& maps, EntryVotes* entries, Arena* arenas, int threads) {
    const Limits limits = limits_of(plan.cutoffs);
    const size_t pixels = static_cast<size_t>(kTile) * kTile * maps.layers;
    const size_t columns = 1 + (pixels < static_cast<size_t>(maps.count) ? pixels : maps.count);
    const size_t table = whole_lines(sizeof(float) * columns * kChunk), sets = whole_lines(sizeof(LabelSet) * pixels);
    const size_t lookup = whole_lines(sizeof(int32_t) * (maps.count + 1)),
                 row = whole_lines(sizeof(uint32_t) * columns);
    const size_t each = whole_lines(sizeof(VoteScratch)) + table + sets + lookup + 4 * row;
    const Buffer scratch(each * threads);
    const auto memory = [&](int worker) {
        char* mine = scratch.as<char>() + each * worker;
        char* next = mine + whole_lines(sizeof(VoteScratch));
        const auto take = [&next](size_t bytes) { return std::exchange(next, next + bytes); };
        float* the_table = reinterpret_cast<float*>(take(table));
        LabelSet* the_sets = reinterpret_cast<LabelSet*>(take(sets));
        int32_t* column_of = reinterpret_cast<int32_t*>(take(lookup));
        uint32_t* labels = reinterpret_cast<uint32_t*>(take(row));
        uint32_t* row_labels = reinterpret_cast<uint32_t*>(take(row));
        float* row_weights = reinterpret_cast<float*>(take(row));
        return VoteMemory{
            *reinterpret_cast<VoteScratch*>(mine), the_table, the_sets, column_of, labels, row_labels, row_weights,
            reinterpret_cast<int32_t*>(take(row))};
    };
    for (int worker = 0; worker < threads; ++worker) std::memset(memory(worker).column_of, 0, lookup);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        vote_in_tile(plan, maps, limits, tile, memory(worker), entries, arenas[worker]);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
