// A board under a hostile hand. An input is a small program: its first byte chooses a board (a new
// one, or one on which real workers lived, died and said good-bye), the rest is a list of steps, each
// a byte and its arguments. A step writes bytes into the file, as anybody may who may write it,
// signs the header, changes the file's length while nobody has it mapped, or makes a call on
// one of three handles. What runs out is 0. Each answer is compared with what oracle.h expects.

#include <algorithm>
#include <cstring>
#include <memory>

#include "checked_reads.h"
#include "checked_writes.h"
#include "hostile_board.h"
#include "hostile_hand.h"
#include "targets.h"
#include "witness.h"

namespace rollcall::test {
namespace {

constexpr int kMaxSteps = 20;

class Session {
 public:
  Session(HostileFile& file, const Base& base, Input& input, Handles& handles)
      : file_(file), input_(input), handles_(handles), hand_(file, base, input) {
    file_.Reset(base);
  }

  void Run() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      if (step < kFirstCall) {
        hand_.Tamper(step, handles_.any_open());
      } else {
        Call(step, input_.Byte() % kHandles);
      }
    }
  }

  // The same with what a reader calls only, on the handle that is open: faster.
  void RunReader() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      if (step < kFirstCall) hand_.Tamper(step, handles_.any_open());
      if (CheckedReads::Knows(step)) Call(step, kReader);
    }
  }

 private:
  void Call(Step step, int handle) {
    if (step == kOpen) return Open(handle);
    if (step == kClose) return handles_.boards[handle].reset();
    if (handles_.boards[handle] == nullptr) return;
    Board& board = *handles_.boards[handle];
    // What lies in the file is what a handle sees, unless another file has taken its place.
    const bool is_seen = !file_.is_replaced();
    if (is_seen) witness_.RememberLocks(board);
    if (!is_seen && !CheckedWrites::IsBlind(step)) return;
    if (CheckedReads::Knows(step)) return reads_.Call(step, board, handles_.cursors[handle]);
    writes_.Call(step, board);
  }

  void Open(int handle) {
    handles_.boards[handle].reset();
    const bool is_checked = !file_.is_replaced();
    const std::vector<uint8_t> before(file_.bytes(), file_.bytes() + file_.size());
    auto board = std::make_unique<Board>();

    const Status status = board->file().Open(file_.path(), handle == kReader, false);

    CHECK(std::equal(before.begin(), before.end(), file_.bytes()));
    if (is_checked) CheckOpened(*board, status, ReadHeader(before.data(), before.size(), before.size()));
    if (!status.ok()) return;
    board->Ready();
    handles_.boards[handle] = std::move(board);
    handles_.cursors[handle].clear();
  }

  void CheckOpened(const Board& board, const Status& status, const HeaderReading& expected) {
    // Holes in a file in memory may not be filled any more.
    const bool no_space = expected.code == Code::kOk && status.code == Code::kNoSpace;
    if (!no_space) CHECK_CODE(status, expected.code);
    if (!status.ok()) return;
    CHECK(memcmp(&board.file().geometry(), &expected.geometry, sizeof expected.geometry) == 0);
    CHECK(memcmp(&board.file().header(), file_.bytes(), sizeof(FileHeader)) == 0);
    const auto& names = board.file().names();
    CHECK(names.size() == expected.geometry.counter_count + expected.geometry.shared_count);
    CHECK(names.empty() || memcmp(names.data(), file_.bytes() + 256, 64 * names.size()) == 0);
  }

  HostileFile& file_;
  Input& input_;
  Handles& handles_;
  HostileHand hand_;
  Witness witness_{handles_, hand_};
  CheckedReads reads_{file_, input_, witness_};
  CheckedWrites writes_{file_, input_, witness_, reads_};
};

// A board that stays open from one input to the next, for reading.
struct OpenBoard {
  HostileFile file;
  Handles handles;

  explicit OpenBoard(const Base& base) {
    file.Reset(base);
    auto& reader = handles.boards[kReader];
    reader = std::make_unique<Board>();
    CHECK_OK(reader->file().Open(file.path(), true, false));
    reader->Ready();
  }
};

}  // namespace

void FuzzBoard(const uint8_t* data, size_t size) {
  static HostileFile file;
  Input input(data, size);
  const Base& base = BaseOf(input.Byte() % kBases);
  Handles handles;
  Session(file, base, input, handles).Run();
}

void FuzzSlots(const uint8_t* data, size_t size) {
  static OpenBoard boards[kBases] = {OpenBoard(BaseOf(0)), OpenBoard(BaseOf(1)), OpenBoard(BaseOf(2))};
  Input input(data, size);
  const int number = input.Byte() % kBases;
  Handles& handles = boards[number].handles;
  handles.cursors[kReader].clear();
  handles.boards[kReader]->liveness().Reset();
  Session(boards[number].file, BaseOf(number), input, handles).RunReader();
}

}  // namespace rollcall::test
