// The functions with which a manager reads a board.

#include <cstring>

#include "../core/platform.h"
#include "handle.h"

namespace rollcall {
namespace {

// scan(entries: Float64Array, payload: Uint8Array, cursor: Float64Array | undefined, from, to)
// -> the number of entries; -1 when a buffer is too small; -2 when the board's name leads elsewhere
Napi::Value Scan(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (handle.closed) return Failure(env, Status::Of(Code::kClosed));
  size_t entry_numbers = 0, payload_bytes = 0, cursor_numbers = 0;
  double* entries = ElementsOf<double>(info[0], napi_float64_array, &entry_numbers);
  uint8_t* payload = ElementsOf<uint8_t>(info[1], napi_uint8_array, &payload_bytes);
  const double* cursor = info[2].IsUndefined() ? nullptr : ElementsOf<double>(info[2], napi_float64_array, &cursor_numbers);
  const bool aligned = reinterpret_cast<uintptr_t>(payload) % 8 == 0;
  if (entries == nullptr || payload == nullptr || !aligned || (cursor == nullptr && !info[2].IsUndefined())) {
    return Misuse(env, "Expected a Float64Array, an aligned Uint8Array and a Float64Array or undefined");
  }
  if (!handle.board.CheckNameSometimes(CoarseMonotonicNs()).ok()) return Napi::Number::New(env, -2);
  handle.board.liveness().Refresh();
  ScanRequest request;
  request.from_slot = Uint32At(info, 3);
  request.to_slot = Uint32At(info, 4);
  request.cursor = reinterpret_cast<const CursorEntry*>(cursor);
  request.cursor_slots = static_cast<uint32_t>(cursor_numbers * sizeof(double) / sizeof(CursorEntry));
  request.entries = reinterpret_cast<ScanEntry*>(entries);
  request.max_entries = static_cast<uint32_t>(entry_numbers / kScanEntryNumbers);
  request.payload = payload;
  request.payload_bytes = payload_bytes;
  const ScanResult result = handle.board.Scan(request);
  return Napi::Number::New(env, result.complete ? static_cast<double>(result.entries) : -1.0);
}

// identity(slot, epoch) -> { id, pid, threadId, uid, startedAt, processStart, pidNamespace } | undefined when that owner is gone
Napi::Value ReadIdentity(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t slot = Uint32At(info, 0);
  if (handle.closed || slot >= handle.board.file().geometry().slot_count) return env.Undefined();
  Identity identity;
  const uint64_t epoch = Uint64At(info, 1);
  if (!handle.board.ReadIdentity(slot, epoch, &identity).ok()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", Napi::String::New(env, identity.id, identity.id_bytes));
  result.Set("pid", static_cast<double>(identity.pid));
  result.Set("threadId", static_cast<double>(identity.thread_id));
  result.Set("uid", static_cast<double>(identity.uid));
  result.Set("startedAt", static_cast<double>(identity.claimed_wall_ms));
  result.Set("processStart", static_cast<double>(identity.process_start));
  result.Set("pidNamespace", static_cast<double>(identity.pid_namespace));
  return result;
}

// hearts(out: Float64Array) -> the number of slots that it has now: epoch, last beat and interval of each
Napi::Value ReadHearts(Handle& handle, const Napi::CallbackInfo& info) {
  size_t room = 0;
  double* out = ElementsOf<double>(info[0], napi_float64_array, &room);
  if (out == nullptr || handle.closed) return Misuse(info.Env(), "Expected a Float64Array, and an open board");
  const uint32_t count = static_cast<uint32_t>(room / kHeartNumbers);
  return Napi::Number::New(info.Env(), handle.board.ReadHearts(reinterpret_cast<HeartEntry*>(out), count));
}

// inspection(slot, epoch) -> { kernelThread, handlesSigusr1, isInspected } | undefined when that owner is gone
Napi::Value ReadInspection(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t slot = Uint32At(info, 0);
  if (handle.closed || slot >= handle.board.file().geometry().slot_count) return env.Undefined();
  Inspection inspection;
  if (!handle.board.ReadInspection(slot, Uint64At(info, 1), &inspection)) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("kernelThread", static_cast<double>(inspection.kernel_thread));
  result.Set("handlesSigusr1", inspection.handles_sigusr1);
  result.Set("isInspected", inspection.inspected_ns != 0);
  return result;
}

// counters(entries: Float64Array, count, out: Float64Array); of each entry: 1, or 0 when that owner is gone, and the counters
Napi::Value ReadCounters(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const size_t count = Uint32At(info, 1);
  size_t entry_numbers = 0, room = 0;
  const double* numbers = ElementsOf<double>(info[0], napi_float64_array, &entry_numbers);
  double* out = ElementsOf<double>(info[2], napi_float64_array, &room);
  const size_t row = 1 + size_t{handle.board.file().geometry().counter_count};
  if (numbers == nullptr || out == nullptr || handle.closed || entry_numbers / kScanEntryNumbers < count ||
      room / row < count) {
    return Misuse(env, "Expected the entries of an open board, how many, and a Float64Array for their counters");
  }
  const ScanEntry* entries = reinterpret_cast<const ScanEntry*>(numbers);
  for (size_t i = 0; i < count; i++, out += row) {
    out[0] = handle.board.ReadCountersOf(entries[i], out + 1) ? 1 : 0;
  }
  return env.Undefined();
}

// endedByDeath(slot, epoch) -> boolean
Napi::Value EndedByDeath(Handle& handle, const Napi::CallbackInfo& info) {
  const uint32_t slot = Uint32At(info, 0);
  if (handle.closed || slot >= handle.board.file().geometry().slot_count) return Misuse(info.Env(), "Expected a slot");
  const uint64_t epoch = Uint64At(info, 1);
  return Napi::Boolean::New(info.Env(), handle.board.EndedByDeath(slot, epoch));
}

// highWater() -> slots below it may have been used
Napi::Value HighWater(Handle& handle, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), handle.closed ? 0 : handle.board.file().high_water());
}

// slotEpoch(slot) -> its epoch, positive once the owner of that epoch was retired. The words are not of one instant, and a
// slot that is being claimed is free under its new epoch for a moment: only whoever was retired is in the retired totals.
Napi::Value SlotEpoch(Handle& handle, const Napi::CallbackInfo& info) {
  const uint32_t slot = Uint32At(info, 0);
  if (handle.closed || slot >= handle.board.file().high_water()) return Napi::Number::New(info.Env(), 0);
  const SlotControl* control = handle.board.file().control(slot);
  const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
  const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
  // Acquire, and after the epoch: a mark that is the epoch's own is not of an owner before.
  const bool retired = !owned && control->folded_epoch.load(std::memory_order_acquire) == epoch;
  return Napi::Number::New(info.Env(), static_cast<double>(epoch) * (retired ? 1 : -1));
}

}  // namespace

void BindReader(Napi::Object object, Handle* handle) {
  Bind(object, "scan", Call<Scan>, handle);
  Bind(object, "identity", Call<ReadIdentity>, handle);
  Bind(object, "hearts", Call<ReadHearts>, handle);
  Bind(object, "inspection", Call<ReadInspection>, handle);
  Bind(object, "counters", Call<ReadCounters>, handle);
  Bind(object, "endedByDeath", Call<EndedByDeath>, handle);
  Bind(object, "highWater", Call<HighWater>, handle);
  Bind(object, "slotEpoch", Call<SlotEpoch>, handle);
}

}  // namespace rollcall
