// A live view of the counters of one slot: memory of the board itself, shown to JavaScript as an
// ArrayBuffer over these counters and nothing else.
//
// JavaScript may keep the buffer longer than the slot is its owner's, and may hand its memory on with
// ArrayBuffer.prototype.transfer(). So the view is a mapping of its own. Ending it first puts
// anonymous memory in its place, which turns every late store into one that nobody sees; then the
// buffer is detached; only the finalizer unmaps.
#pragma once

#include <napi.h>

#include "../core/board_file.h"

namespace rollcall {

class CounterView {
 public:
  CounterView() = default;
  CounterView(const CounterView&) = delete;
  CounterView& operator=(const CounterView&) = delete;

  // The buffer over the counters of `slot`, made at the first call; an empty value where the
  // runtime refuses memory that is not its own, or the system has none.
  Napi::Value Buffer(napi_env env, const BoardFile& file, uint32_t slot);

  // REQUIRES: the slot's lock is still held: the next owner must never see a late store.
  void End(napi_env env) noexcept;

 private:
  struct Mapping;
  static void Finalize(napi_env env, void* data, void* hint);

  Mapping* mapping_ = nullptr;  // freed by the buffer's finalizer
  napi_ref buffer_ = nullptr;
};

}  // namespace rollcall
