// What reading a board could cost at the very least, and the kernel's own word on when a process
// ended. For the benchmark alone: it looks at a board's memory with nothing in between.

#include <node_api.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "board.h"

namespace {

using rollcall::Board;
using rollcall::BoardFile;
using rollcall::Latch;
using rollcall::Word;

napi_value Throw(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

napi_value Number(napi_env env, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  return number;
}

// The bytes of a typed array; nullptr when it is none, or has fewer than `least`.
void* Bytes(napi_env env, napi_value array, size_t least) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  napi_value buffer;
  size_t offset;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, &offset) != napi_ok) return nullptr;
  const size_t width = type == napi_biguint64_array ? 8 : 1;
  return length * width >= least ? data : nullptr;
}

BoardFile& BoardOf(napi_env env, napi_callback_info info, napi_value* first) {
  size_t argc = 1;
  void* data;
  napi_get_cb_info(env, info, &argc, first, nullptr, &data);
  return *static_cast<BoardFile*>(data);
}

constexpr uint32_t kStatusBytes = 64;

// copy(out: Uint8Array) -> slots. The first 64 bytes of each slot's newest status, whoever wrote
// it and whether he lives or not, through the latch and side by side.
napi_value Copy(napi_env env, napi_callback_info info) {
  napi_value array;
  const BoardFile& file = BoardOf(env, info, &array);
  const uint32_t slots = file.high_water();
  auto* out = static_cast<uint64_t*>(Bytes(env, array, size_t{slots} * kStatusBytes));
  if (out == nullptr) return Throw(env, "Expected a Uint8Array with 64 bytes for each slot");
  for (uint32_t slot = 0; slot < slots; slot++) {
    uint64_t seq;
    uint64_t* to = out + slot * (kStatusBytes / 8);
    const bool whole = file.latch(slot).Read(&seq, [to](const Word* record) {
      rollcall::LoadWords(to, record + rollcall::kRecordHeaderWords, kStatusBytes / 8);
    });
    if (!whole) return Throw(env, "A slot would not hold still");
  }
  return Number(env, slots);
}

// compare(known: BigUint64Array) -> how many slots have another sequence number than before;
// `known` has the new ones afterwards.
napi_value Compare(napi_env env, napi_callback_info info) {
  napi_value array;
  const BoardFile& file = BoardOf(env, info, &array);
  const uint32_t slots = file.high_water();
  auto* known = static_cast<uint64_t*>(Bytes(env, array, size_t{slots} * 8));
  if (known == nullptr) return Throw(env, "Expected a BigUint64Array with an element for each slot");
  uint32_t moved = 0;
  for (uint32_t slot = 0; slot < slots; slot++) {
    const uint64_t seq = file.control(slot)->seq.load(std::memory_order_acquire);
    if (seq == known[slot]) continue;
    known[slot] = seq;
    moved++;
  }
  return Number(env, moved);
}

void Bind(napi_env env, napi_value object, const char* name, napi_callback callback, void* data) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function);
  napi_set_named_property(env, object, name, function);
}

bool PathOf(napi_env env, napi_callback_info info, std::string* path) {
  size_t argc = 1, length;
  napi_value value;
  napi_get_cb_info(env, info, &argc, &value, nullptr, nullptr);
  char name[4096];
  if (napi_get_value_string_utf8(env, value, name, sizeof name, &length) != napi_ok) return false;
  path->assign(name, length);
  return true;
}

// open(path) -> { copy, compare }. Stays open until the process ends.
napi_value Open(napi_env env, napi_callback_info info) {
  std::string path;
  if (!PathOf(env, info, &path)) return Throw(env, "Expected a path");
  auto* file = new BoardFile();
  if (!file->Open(path, true, true).ok()) {
    delete file;
    return Throw(env, "This is no board");
  }
  napi_value object;
  napi_create_object(env, &object);
  Bind(env, object, "copy", Copy, file);
  Bind(env, object, "compare", Compare, file);
  return object;
}

// beats(count): so many beats of the heart of a worker, one after the other
napi_value Beats(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value value;
  void* data;
  napi_get_cb_info(env, info, &argc, &value, nullptr, &data);
  uint32_t count = 0;
  napi_get_value_uint32(env, value, &count);
  for (uint32_t i = 0; i < count; i++) (void)static_cast<Board*>(data)->Beat();
  return nullptr;
}

// openHeart(path) -> { beats }. A worker of that board, until the process ends.
napi_value OpenHeart(napi_env env, napi_callback_info info) {
  std::string path;
  if (!PathOf(env, info, &path)) return Throw(env, "Expected a path");
  auto* board = new Board();
  rollcall::Claimed claimed;
  if (!board->file().Open(path, false, true).ok() || (board->Ready(), !board->TryClaim("heart", 5, 0, &claimed).ok())) {
    delete board;
    return Throw(env, "There is no slot on this board");
  }
  board->StartHeart(1000);
  napi_value object;
  napi_create_object(env, &object);
  Bind(env, object, "beats", Beats, board);
  return object;
}

int32_t Int32(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value value;
  napi_get_cb_info(env, info, &argc, &value, nullptr, nullptr);
  int32_t number = -1;
  napi_get_value_int32(env, value, &number);
  return number;
}

// pidfdOpen(pid) -> descriptor
napi_value PidfdOpen(napi_env env, napi_callback_info info) {
#ifdef SYS_pidfd_open
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, Int32(env, info), 0));
  if (fd >= 0) return Number(env, fd);
#endif
  return Throw(env, "There are no pidfds here");
}

// pidfdWait(descriptor) -> nanoseconds on process.hrtime's clock at which it was seen to be ready.
// Blocks the thread.
napi_value PidfdWait(napi_env env, napi_callback_info info) {
  pollfd one = {Int32(env, info), POLLIN, 0};
  if (poll(&one, 1, 30000) != 1) return Throw(env, "The process did not end within 30 seconds");
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  close(one.fd);
  return Number(env, static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec));
}

// epollOf(descriptors: Int32Array) -> descriptor of an epoll that waits for all of them
napi_value EpollOf(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value array;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &array, nullptr, nullptr);
  napi_get_typedarray_info(env, array, nullptr, &length, &data, nullptr, nullptr);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < length; i++) {
    epoll_event event = {};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, static_cast<int32_t*>(data)[i], &event) != 0) return Throw(env, "epoll_ctl failed");
  }
  return Number(env, epoll);
}

// epollLook(descriptor) -> how many are ready now, at most 64
napi_value EpollLook(napi_env env, napi_callback_info info) {
  epoll_event ready[64];
  return Number(env, epoll_wait(Int32(env, info), ready, 64, 0));
}

}  // namespace

NAPI_MODULE_INIT() {
  Bind(env, exports, "epollOf", EpollOf, nullptr);
  Bind(env, exports, "epollLook", EpollLook, nullptr);
  Bind(env, exports, "open", Open, nullptr);
  Bind(env, exports, "openHeart", OpenHeart, nullptr);
  Bind(env, exports, "pidfdOpen", PidfdOpen, nullptr);
  Bind(env, exports, "pidfdWait", PidfdWait, nullptr);
  return exports;
}
