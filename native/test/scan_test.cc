// Reading what a hostile hand has written: nothing outside the buffers, nothing for ever.

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "../core/file_lock.h"
#include "../core/latch.h"
#include "../core/totals.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kSlots = 5, kInline = 80, kCounters = 2;

// Random bytes somewhere behind the header, and enough sense among them to be looked at.
void Vandalize(const Board& board) {
  const BoardFile& file = board.file();
  const Geometry& g = file.geometry();
  uint8_t* shared = reinterpret_cast<uint8_t*>(file.shared());
  const uint64_t size = g.file_bytes - g.header_bytes;
  for (uint64_t i = RandomBetween(0, 200); i > 0; i--) {
    shared[RandomBetween(0, size - 1)] = static_cast<uint8_t>(Random());
  }
  file.shared()->high_water.value = static_cast<uint32_t>(RandomBetween(0, 2 * kSlots));
  for (uint32_t slot = 0; slot < kSlots; slot++) {
    SlotControl* control = file.control(slot);
    if (RandomBetween(0, 3) > 0) control->state = static_cast<uint32_t>(RandomBetween(0, 4));
    if (RandomBetween(0, 3) > 0) control->epoch = RandomBetween(0, 3);
    if (RandomBetween(0, 3) > 0) control->seq = RandomBetween(0, 9);
    RecordHeader record = {};
    record.epoch = control->epoch;
    record.kind = static_cast<uint8_t>(RandomBetween(0, 5));
    record.encoding = static_cast<uint8_t>(RandomBetween(0, 5));
    record.length = static_cast<uint32_t>(RandomBetween(0, 3) > 0 ? RandomBetween(0, kInline + 16) : Random());
    uint64_t words[kRecordHeaderWords];
    memcpy(words, &record, sizeof record);
    if (RandomBetween(0, 3) > 0) file.latch(slot).Publish(words, kRecordHeaderWords);
  }
}

void CheckScan(Board& reader, std::set<uint32_t>* verdicts) {
  const Geometry& g = reader.file().geometry();
  // Exactly as large as said, so that AddressSanitizer sees one byte too many.
  const size_t payload_words = RandomBetween(0, 8) == 0 ? 0 : RandomBetween(0, kSlots * kInline / 8);
  std::unique_ptr<uint64_t[]> payload(new uint64_t[payload_words]);
  std::unique_ptr<ScanEntry[]> entries(new ScanEntry[kSlots]);
  std::unique_ptr<CursorEntry[]> cursor(new CursorEntry[kSlots]);
  for (uint32_t i = 0; i < kSlots; i++) {
    cursor[i] = {static_cast<double>(RandomBetween(0, 6)) - 3, static_cast<double>(RandomBetween(0, 9))};
    if (RandomBetween(0, 9) == 0) cursor[i].epoch = RandomBetween(0, 1) ? 1e300 : 0.0 / 0.0 * 1.0;
  }
  ScanRequest request;
  request.from_slot = static_cast<uint32_t>(RandomBetween(0, kSlots));
  request.to_slot = RandomBetween(0, 1) ? UINT32_MAX : static_cast<uint32_t>(RandomBetween(0, kSlots));
  if (RandomBetween(0, 1)) {
    request.cursor = cursor.get();
    request.cursor_slots = static_cast<uint32_t>(RandomBetween(0, kSlots));
  }
  request.entries = entries.get();
  request.max_entries = static_cast<uint32_t>(RandomBetween(0, kSlots));
  request.payload = reinterpret_cast<uint8_t*>(payload.get());
  request.payload_bytes = payload_words * 8;

  reader.liveness().Refresh();
  const ScanResult result = reader.Scan(request);

  CHECK(result.entries <= request.max_entries);
  CHECK(result.payload_bytes <= request.payload_bytes);
  size_t end = 0;
  for (uint32_t i = 0; i < result.entries; i++) {
    const ScanEntry& entry = entries[i];
    CHECK(entry.slot >= 0 && entry.slot < g.slot_count && (i == 0 || entry.slot > entries[i - 1].slot));
    CHECK(entry.verdict >= 1 && entry.verdict <= 6);
    verdicts->insert(static_cast<uint32_t>(entry.verdict));
    if (entry.length == 0) continue;
    CHECK(entry.length <= g.inline_bytes);
    CHECK(static_cast<size_t>(entry.offset) >= end);
    end = static_cast<size_t>(entry.offset + entry.length);
    CHECK(end <= result.payload_bytes);
  }
}

TEST("whatever the slots hold, every reading and cleaning call keeps to its bounds") {
  World world(kSlots, kInline, kCounters);
  auto vandal = world.Open(), reader = world.Open(true);
  // Two slots have somebody who lives, whatever their words say.
  HeldLock owners[2];
  for (uint32_t slot = 0; slot < 2; slot++) {
    CHECK_OK(owners[slot].Prepare(world.scratch.board().c_str(), reader->file().device(), reader->file().inode()));
    CHECK_OK(owners[slot].Take(reader->file().lock_byte(slot)));
  }
  std::set<uint32_t> verdicts;
  for (int round = 0; round < 40000; round++) {
    Vandalize(*vandal);
    for (int i = 0; i < 3; i++) CheckScan(*reader, &verdicts);
    double totals[kCounters] = {};
    (void)ReadTotals(reader->file(), totals);
    reader->AddGauges(totals);
    for (uint32_t slot = 0; slot < kSlots; slot++) {
      Identity identity;
      const uint64_t epoch = reader->file().control(slot)->epoch;
      CHECK_OK(reader->ReadIdentity(slot, epoch, &identity));
      CHECK(identity.id_bytes <= kMaxIdBytes);
      (void)reader->EndedByDeath(slot, Random());
    }
  }
  // All but kBusy, for which somebody would have to write: else this test has looked at nothing.
  CHECK(verdicts == (std::set<uint32_t>{1, 2, 3, 5, 6}));
}

TEST("a hostile slot costs a claim and a cleaning nothing but that slot") {
  World world(kSlots, kInline, kCounters);
  auto vandal = world.Open(), worker = world.Open(), reader = world.Open(true);
  for (int round = 0; round < 8000; round++) {
    Vandalize(*vandal);
    std::vector<Retired> retired;
    CHECK_OK(vandal->TryRetire({0, 1, 2, 3, 4, 5, UINT32_MAX}, &retired));
    Claimed claimed;
    const Code code = worker->TryClaim("w", 1, 0, &claimed).code;
    if (code == Code::kBoardFull) continue;  // every slot was worn out
    CHECK_EQ(code, Code::kOk);
    PublishBytes(*worker, 'w', 9);
    bool found = false;
    for (const Seen& one : ScanAll(*reader)) {
      if (one.numbers.slot != claimed.slot) continue;
      found = true;
      CHECK_EQ(one.verdict(), Verdict::kLive);
      CHECK_EQ(one.payload, "wwwwwwwww");
    }
    CHECK(found);
    worker->Release();
  }
}

TEST("what is written over the header of an open board changes nothing for those who have it") {
  World world(kSlots, kInline);
  auto worker = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*worker, "w"));
  const int fd = open(world.scratch.board().c_str(), O_WRONLY);
  std::vector<uint8_t> noise(reader->file().geometry().header_bytes);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(Random());
  CHECK(pwrite(fd, noise.data(), noise.size(), 0) == static_cast<ssize_t>(noise.size()));
  close(fd);

  PublishBytes(*worker, 'w', 80);

  CHECK_EQ(ScanAll(*reader).at(0).payload, std::string(80, 'w'));
  Board late;
  CHECK(!late.file().Open(world.scratch.board(), true, false).ok());
}

TEST("a scan that runs out of room says so and has what fitted") {
  World world(3, kInline);
  std::vector<std::unique_ptr<Board>> workers;
  for (int i = 0; i < 3; i++) {
    workers.push_back(world.Open());
    CHECK_OK(Claim(*workers[i], std::to_string(i)));
    PublishBytes(*workers[i], 'x', 33);
  }
  auto reader = world.Open(true);
  for (size_t words = 0; words <= 15; words++) {
    std::unique_ptr<uint64_t[]> payload(new uint64_t[words]);
    ScanEntry entries[3];
    ScanRequest request;
    request.entries = entries;
    request.max_entries = 3;
    request.payload = reinterpret_cast<uint8_t*>(payload.get());
    request.payload_bytes = words * 8;
    const ScanResult result = reader->Scan(request);
    CHECK_EQ(result.entries, static_cast<uint32_t>(words / 5));
    CHECK_EQ(result.complete, words == 15);
  }
}

}  // namespace
}  // namespace rollcall::test
