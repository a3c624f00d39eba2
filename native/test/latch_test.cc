// The latch: whole records or none, whoever dies.

#include <signal.h>

#include <array>
#include <cstring>
#include <thread>

#include "../core/latch.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kWords = 40;

// A latch in memory that processes can share. A record is one length word and that many words,
// each of them one repeated byte.
struct Cell {
  Word seq{0};
  alignas(kLine) Word buffers[2][kWords] = {};
  std::atomic<uint64_t> published{0};
  std::atomic<bool> stop{false};
  Latch latch() { return Latch(&seq, buffers[0], buffers[1]); }
};

using Record = std::array<uint64_t, kWords>;

uint32_t PublishNext(Cell& cell, uint32_t turn) {
  Record record;
  record.fill((turn & 0xff) * 0x0101010101010101ULL);
  record[0] = turn % kWords;
  cell.latch().Publish(record.data(), 1 + turn % kWords < kWords ? 1 + turn % kWords : kWords);
  return turn;
}

enum class Reading { kWhole, kMixed, kBusy };

Reading ReadOnce(Cell& cell, uint64_t* seq, Record* out) {
  uint32_t length = 0;
  const bool whole = cell.latch().Read(seq, [&](const Word* buffer) {
    LoadWords(out->data(), buffer, 1);
    length = static_cast<uint32_t>((*out)[0] < kWords ? (*out)[0] : 0);
    LoadWords(out->data() + 1, buffer + 1, length < kWords - 1 ? length : kWords - 1);
  });
  if (!whole) return Reading::kBusy;
  for (uint32_t i = 2; i <= length && i < kWords; i++) {
    if ((*out)[i] != (*out)[1]) return Reading::kMixed;
  }
  const uint64_t byte = (*out)[1] & 0xff;
  const bool repeated = length == 0 || (*out)[1] == byte * 0x0101010101010101ULL;
  return repeated ? Reading::kWhole : Reading::kMixed;
}

void Write(Cell& cell) {
  for (uint32_t turn = 1; !cell.stop.load(std::memory_order_relaxed); turn++) {
    PublishNext(cell, turn);
    cell.published.store(turn, std::memory_order_relaxed);
  }
}

// Reads until `reads` records have been seen; how many of them were mixed, or older than one before.
uint64_t CountBadReads(Cell& cell, uint64_t reads) {
  uint64_t bad = 0, last_seq = 0;
  for (uint64_t i = 0; i < reads; i++) {
    uint64_t seq = 0;
    Record record;
    const Reading reading = ReadOnce(cell, &seq, &record);
    if (reading == Reading::kBusy) continue;  // the writer was that quick: an answer, not a fault
    if (reading == Reading::kMixed || seq < last_seq || seq % 2 != 0) bad++;
    last_seq = seq;
  }
  return bad;
}

TEST("readers in threads never see a mix of two records, nor an older one after a newer one") {
  auto cell = std::make_unique<Cell>();
  std::thread writer([&] { Write(*cell); });
  std::atomic<uint64_t> bad{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; i++) readers.emplace_back([&] { bad += CountBadReads(*cell, 150000); });

  for (std::thread& reader : readers) reader.join();
  cell->stop = true;
  writer.join();

  CHECK_EQ(bad.load(), 0u);
  CHECK(cell->published.load() > 0);
}

PROCESS_TEST("readers in other processes never see a mix of two records") {
  Shared<Cell> cell;
  Child writer([&] { Write(*cell); });
  std::vector<std::unique_ptr<Child>> readers;
  for (int i = 0; i < 3; i++) {
    readers.push_back(std::make_unique<Child>([&] { CHECK_EQ(CountBadReads(*cell, 300000), 0u); }));
  }

  for (auto& reader : readers) CHECK_EQ(reader->Wait(), 0);
  CHECK(cell->published.load() > 0);
}

TEST("a writer that stops in the odd window leaves its last record readable, and its successor publishes") {
  auto cell = std::make_unique<Cell>();
  for (uint32_t turn = 1; turn < 100; turn++) {
    PublishNext(*cell, turn);
    const uint64_t whole = cell->seq.load();
    // Died after the first store, with any part of the new record written.
    cell->seq.store(whole + 1);
    for (uint32_t i = 0; i < turn % kWords; i++) cell->buffers[((whole >> 1) + 1) & 1][i].store(Random());
    uint64_t seq = 0;
    Record record;

    CHECK_EQ(ReadOnce(*cell, &seq, &record), Reading::kWhole);
    CHECK_EQ(seq, whole);
    CHECK_EQ(record[0], uint64_t{turn % kWords});

    PublishNext(*cell, turn + 1);
    CHECK_EQ(cell->seq.load(), whole + 2);
    CHECK_EQ(ReadOnce(*cell, &seq, &record), Reading::kWhole);
    CHECK_EQ(record[0], uint64_t{(turn + 1) % kWords});
  }
}

PROCESS_TEST("a SIGKILLed hot writer leaves its last record readable, and its successor goes on from there") {
  Shared<Cell> cell;
  int odd = 0;
  for (int round = 0; round < 150; round++) {
    const uint64_t before = cell->seq.load();
    Child writer([&] { Write(*cell); });
    while (cell->seq.load() < before + 20) sched_yield();
    DawdleRandomly();
    writer.Kill();
    const uint64_t left = cell->seq.load();
    if (left % 2 == 1) odd++;
    uint64_t seq = 0;
    Record record;

    CHECK_EQ(ReadOnce(*cell, &seq, &record), Reading::kWhole);
    CHECK_EQ(seq, left & ~uint64_t{1});

    PublishNext(*cell, 77);
    CHECK_EQ(ReadOnce(*cell, &seq, &record), Reading::kWhole);
    CHECK_EQ(record[0], uint64_t{77 % kWords});
    CHECK_EQ(seq, (left & ~uint64_t{1}) + 2);
  }
  CHECK(odd > 0);  // else the kills missed what this test is about
}

TEST("a sequence word that wraps around does no harm") {
  auto cell = std::make_unique<Cell>();
  cell->seq.store(UINT64_MAX - 5);
  for (uint32_t turn = 1; turn < 10; turn++) {
    PublishNext(*cell, turn);
    uint64_t seq = 0;
    Record record;
    CHECK_EQ(ReadOnce(*cell, &seq, &record), Reading::kWhole);
    CHECK_EQ(record[0], uint64_t{turn});
  }
}

TEST("a reader that is lapped again and again gives up instead of hanging") {
  auto cell = std::make_unique<Cell>();
  uint64_t seq = 0;
  int copies = 0;

  const bool whole = cell->latch().Read(&seq, [&](const Word*) {
    copies++;
    cell->seq.store(cell->seq.load() + 4);  // a hostile writer: fast, and never done
  });

  CHECK(!whole);
  CHECK_EQ(copies, Latch::kMaxTries);
}

}  // namespace
}  // namespace rollcall::test
