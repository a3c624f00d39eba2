#include "hostile_hand.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../core/file_lock.h"
#include "../../core/totals.h"
#include "reference.h"

namespace rollcall::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kCounterValues[] = {1, 2.5, -3, 1e15, 1e308, -1e308, kInfinity, -kInfinity, NAN};
constexpr size_t kCounterValueCount = sizeof kCounterValues / sizeof kCounterValues[0];

}  // namespace

void HostileHand::Tamper(Step step, bool is_mapped) {
  const Geometry& g = base_.geometry;
  switch (step) {
    case kWriteHeader: {
      const uint64_t at = input_.Byte() * 2;  // the counter table too
      return file_.Write(at, input_.Bytes(input_.Byte() % 9));
    }
    case kWriteShared: {
      const uint64_t at = g.header_bytes + input_.Number(2) % (g.shared_bytes - 8);
      return file_.WriteWord(at, input_.Value(0, g));
    }
    case kWriteSlot: {
      const uint64_t slot = Slot(input_.Byte());
      const uint64_t at = input_.Number(2) % (g.slot_stride - 8);
      return file_.Write(slot + at, input_.Bytes(input_.Byte() % 9));
    }
    case kWriteRetired: {
      const uint64_t at = g.header_bytes + g.retired_offset + input_.Byte() % (g.retired_bytes / 8) * 8;
      const uint64_t value = input_.Value(1, g);
      file_.WriteWord(at, value);
      return file_.WriteWord(at + g.retired_bytes, value);
    }
    case kSetSizes:
      return file_.SetSizes();
    case kSign:
      return file_.Sign();
    case kResize: {
      const uint64_t bytes = uint64_t{input_.Number(2)} * 512;
      // A mapped file that is truncated is the one thing that cannot be survived.
      if (!is_mapped && bytes <= HostileFile::kMaxBytes) file_.Resize(bytes);
      return;
    }
    case kHoldSlot:
      return HoldSlot(Slot(input_.Byte()));
    case kLetGo:
      return LetGo();
    default:
      return TamperWithSlot(step, Slot(input_.Byte()));
  }
}

void HostileHand::TamperWithSlot(Step step, uint64_t slot) {
  const Geometry& g = base_.geometry;
  const uint64_t epoch = slot + 16 <= file_.size() ? LoadLittle(file_.bytes() + slot + 8, 8) : 0;
  if (step == kWriteControl) {
    const uint64_t at = slot + 8 * (input_.Byte() % (kLine / 8));  // any word of SlotControl
    return file_.WriteWord(at, input_.Value(epoch, g));
  }
  if (step == kWriteIdentity) {
    const uint64_t at = slot + kIdentityOffset + 8 * (input_.Byte() % kIdentityWords);
    return file_.WriteWord(at, input_.Value(getpid(), g));
  }
  if (step == kWriteCounter) {
    const uint64_t at = slot + kCountersOffset + 8 * (input_.Byte() % (g.counter_count + 1));
    const uint64_t value = input_.Value(0, g);
    return file_.WriteWord(at, value < 128 ? CounterWord(kCounterValues[value % kCounterValueCount]) : value);
  }
  if (step == kWriteKind) {
    const uint64_t at = slot + g.records_offset + 4 + input_.Byte() % 2;
    const std::vector<uint8_t> value(1, input_.Byte() % 8);
    file_.Write(at, value);
    return file_.Write(at + g.record_bytes, value);
  }
  if (step == kWriteIdBytes) {
    const std::vector<uint8_t> length(1, static_cast<uint8_t>(kMaxIdBytes - 8 + input_.Byte() % 16));
    return file_.Write(slot + kIdentityOffset + 36, length);
  }
  CHECK(step == kWriteRecord);
  const uint64_t at = slot + g.records_offset + 8 * (input_.Byte() % kRecordHeaderWords);
  const uint64_t value = input_.Value(epoch, g);
  file_.WriteWord(at, value);
  file_.WriteWord(at + g.record_bytes, value);
}

void HostileHand::HoldSlot(uint64_t byte) {
  if (holder_ < 0) holder_ = open(file_.path().c_str(), O_RDWR | O_CLOEXEC);
  CHECK(holder_ >= 0);
  if (TryLock(holder_, byte).ok()) held_.push_back(byte);
}

void HostileHand::LetGo() {
  if (holder_ >= 0) close(holder_);
  holder_ = -1;
  held_.clear();
}

}  // namespace rollcall::test
