// Counters: the owner's own, the board's shared ones, and what all of them come to.

#include "counters.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../core/platform.h"
#include "../core/totals.h"
#include "../core/wake.h"
#include "handle.h"

namespace rollcall {

struct CounterView::Mapping {
  void* base;
  size_t bytes;
  // The user took the memory out of our buffer before we could detach it, and may have given it
  // to another thread: then it must stay for ever. A page of address space is the price.
  bool keep;
  CounterView* view;  // nullptr once that view has ended
};

void CounterView::Finalize(napi_env, void*, void* hint) {
  auto* mapping = static_cast<Mapping*>(hint);
  if (mapping->view != nullptr) mapping->view->mapping_ = nullptr;
  if (!mapping->keep) munmap(mapping->base, mapping->bytes);
  delete mapping;
}

Napi::Value CounterView::Buffer(napi_env env, const BoardFile& file, uint32_t slot) {
  napi_value buffer = nullptr;
  if (buffer_ != nullptr && napi_get_reference_value(env, buffer_, &buffer) == napi_ok) return Napi::Value(env, buffer);

  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t counters_at = file.geometry().SlotOffset(slot) + kCountersOffset;
  const uint64_t from = counters_at / page * page;
  const size_t counter_bytes = 8 * size_t{file.geometry().counter_count};
  const size_t bytes = counters_at - from + counter_bytes;
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), static_cast<off_t>(from));
  if (base == MAP_FAILED) return Napi::Value();
  KeepFromChildren(base, bytes);

  auto* mapping = new Mapping{base, bytes, false, this};
  void* counters = static_cast<uint8_t*>(base) + (counters_at - from);
  if (napi_create_external_arraybuffer(env, counters, counter_bytes, Finalize, mapping, &buffer) != napi_ok) {
    munmap(base, bytes);
    delete mapping;
    return Napi::Value();
  }
  if (napi_create_reference(env, buffer, 1, &buffer_) != napi_ok) return Napi::Value();
  mapping_ = mapping;
  return Napi::Value(env, buffer);
}

void CounterView::End(napi_env env) noexcept {
  if (mapping_ == nullptr) return;
  // Before anything else: from here on a store through any alias is a store into nowhere.
  mmap(mapping_->base, mapping_->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  napi_handle_scope scope;
  const bool scoped = napi_open_handle_scope(env, &scope) == napi_ok;
  napi_value buffer = nullptr;
  bool detached = true;
  const bool known = napi_get_reference_value(env, buffer_, &buffer) == napi_ok && buffer != nullptr &&
                     napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok;
  mapping_->keep = !known || detached || napi_detach_arraybuffer(env, buffer) != napi_ok;
  if (scoped) napi_close_handle_scope(env, scope);
  mapping_->view = nullptr;
  mapping_ = nullptr;  // the finalizer's from here on
  napi_delete_reference(env, buffer_);
  buffer_ = nullptr;
}

namespace {

Word* OwnCounter(const Handle& handle, uint32_t index) {
  const BoardFile& file = handle.board.file();
  const bool usable = !handle.closed && handle.board.has_slot() && index < file.geometry().counter_count;
  return usable ? file.counters(handle.board.slot()) + index : nullptr;
}

// counterBuffer() -> ArrayBuffer | undefined where the runtime refuses it
Napi::Value CounterBuffer(Handle& handle, const Napi::CallbackInfo& info) {
  const bool usable = !handle.closed && handle.board.has_slot() && handle.board.file().geometry().counter_count > 0;
  if (!usable) return info.Env().Undefined();
  const Napi::Value buffer = handle.view.Buffer(info.Env(), handle.board.file(), handle.board.slot());
  // The runtime has its own plans for the buffer when the environment ends. Ours come first:
  // hooks run in the reverse order of their being added.
  handle.HookLast();
  return buffer.IsEmpty() ? info.Env().Undefined() : buffer;
}

// addCounter(index, n), setCounter(index, n), getCounter(index) -> the value afterwards | undefined
// when the slot is not ours any more
Napi::Value AddCounter(Handle& handle, const Napi::CallbackInfo& info) {
  Word* word = OwnCounter(handle, Uint32At(info, 0));
  if (word == nullptr) return info.Env().Undefined();
  // Load and store, not an atomic addition: the owner is the only one who writes here.
  const double sum = CounterValue(word->load(std::memory_order_relaxed)) + DoubleAt(info, 1);
  word->store(CounterWord(sum), std::memory_order_relaxed);
  return Napi::Number::New(info.Env(), sum);
}

Napi::Value SetCounter(Handle& handle, const Napi::CallbackInfo& info) {
  Word* word = OwnCounter(handle, Uint32At(info, 0));
  if (word == nullptr) return info.Env().Undefined();
  word->store(CounterWord(DoubleAt(info, 1)), std::memory_order_relaxed);
  return info[1];
}

Napi::Value GetCounter(Handle& handle, const Napi::CallbackInfo& info) {
  const Word* word = OwnCounter(handle, Uint32At(info, 0));
  if (word == nullptr) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), CounterValue(word->load(std::memory_order_relaxed)));
}

Word* SharedCounter(const Handle& handle, uint32_t index) {
  const BoardFile& file = handle.board.file();
  return !handle.closed && index < file.geometry().shared_count ? file.shared_counter(index) : nullptr;
}

// addShared(index, n), getShared(index) -> the value afterwards | undefined when closed
Napi::Value AddShared(Handle& handle, const Napi::CallbackInfo& info) {
  Word* word = SharedCounter(handle, Uint32At(info, 0));
  if (word == nullptr || handle.board.file().read_only()) return info.Env().Undefined();
  const uint64_t n = Uint64At(info, 1);
  // Relaxed: the counter says nothing about other memory. WakeWaiters has the fence it needs.
  const uint64_t sum = word->fetch_add(n, std::memory_order_relaxed) + n;
  WakeWaiters(handle.board.file().shared(), CoarseMonotonicNs());
  return Napi::Number::New(info.Env(), static_cast<double>(static_cast<int64_t>(sum)));
}

Napi::Value GetShared(Handle& handle, const Napi::CallbackInfo& info) {
  const Word* word = SharedCounter(handle, Uint32At(info, 0));
  if (word == nullptr) return info.Env().Undefined();
  // What the caller has written before, in this memory or in a file, comes before this look, as AddShared's
  // fence puts the sum before what its caller reads: of two who do so at once, one sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint64_t value = word->load(std::memory_order_relaxed);
  return Napi::Number::New(info.Env(), static_cast<double>(static_cast<int64_t>(value)));
}

// totals(out: Float64Array) -> undefined | failure: REPLACED, or BUSY when folding went on and on beside us
Napi::Value Totals(Handle& handle, const Napi::CallbackInfo& info) {
  size_t room = 0;
  double* out = ElementsOf<double>(info[0], napi_float64_array, &room);
  if (out == nullptr || handle.closed || room < handle.board.file().geometry().counter_count) {
    return Misuse(info.Env(), "Expected an open board and a Float64Array for its counters");
  }
  const Status named = handle.board.CheckNameSometimes(CoarseMonotonicNs());
  if (!named.ok()) return Failure(info.Env(), named);
  handle.board.liveness().Refresh();
  if (!ReadTotals(handle.board.file(), out)) return Failure(info.Env(), Status::Of(Code::kBusy));
  handle.board.AddGauges(out);
  return info.Env().Undefined();
}

}  // namespace

void BindCounters(Napi::Object object, Handle* handle) {
  Bind(object, "counterBuffer", Call<CounterBuffer>, handle);
  Bind(object, "addCounter", Call<AddCounter>, handle);
  Bind(object, "setCounter", Call<SetCounter>, handle);
  Bind(object, "getCounter", Call<GetCounter>, handle);
  Bind(object, "addShared", Call<AddShared>, handle);
  Bind(object, "getShared", Call<GetShared>, handle);
  Bind(object, "totals", Call<Totals>, handle);
}

}  // namespace rollcall
