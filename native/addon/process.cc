// Processes, for JavaScript: what one costs, a signal to it, and where this one stands.

#include "../core/process.h"

#include "../core/platform.h"
#include "handle.h"

namespace rollcall {
namespace {

// STAT_NUMBERS in lib/binding.ts.
constexpr size_t kStatNumbers = 5;

// processStats(wanted: Float64Array, out: Float64Array) -> undefined. `wanted` is pid and kernel thread (0: all of the
// process) of each; `out` gets five numbers for each: state as a character code (0: there is none; '?': there is one, of
// which nobody tells us), CPU milliseconds, threads, start in ticks since boot, resident bytes.
Napi::Value ProcessStats(const Napi::CallbackInfo& info) {
  size_t wanted_numbers = 0, out_numbers = 0;
  const double* wanted = ElementsOf<double>(info[0], napi_float64_array, &wanted_numbers);
  double* out = ElementsOf<double>(info[1], napi_float64_array, &out_numbers);
  const size_t count = wanted_numbers / 2;
  if (wanted == nullptr || out == nullptr || out_numbers < kStatNumbers * count) return Misuse(info.Env(), "Expected two Float64Arrays");
  const double ms_per_tick = 1000.0 / TicksPerSecond();
  for (size_t i = 0; i < count; i++, out += kStatNumbers) {
    ProcessStat stat = {};
    const Status status = ReadProcess(static_cast<uint32_t>(wanted[2 * i]), static_cast<uint32_t>(wanted[2 * i + 1]), &stat);
    out[0] = status.ok() ? stat.state : status.code == Code::kGone ? 0 : '?';
    out[1] = static_cast<double>(stat.cpu_ticks) * ms_per_tick;
    out[2] = stat.threads;
    out[3] = static_cast<double>(stat.start_ticks);
    out[4] = static_cast<double>(stat.rss_bytes);
  }
  return info.Env().Undefined();
}

// signalProcess(pid, startTicks, signal) -> undefined | failure
Napi::Value SendSignal(const Napi::CallbackInfo& info) {
  return Failure(info.Env(), SignalProcess(Uint32At(info, 0), Uint64At(info, 1), static_cast<int>(Uint32At(info, 2))));
}

// sendDatagram(path, text) -> undefined | failure
Napi::Value SendText(const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 0), text = StringAt(info, 1);
  return Failure(info.Env(), SendDatagram(path.c_str(), text.data(), text.size()));
}

// isFirstThread() -> boolean
Napi::Value FirstThread(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), OnFirstThread());
}

}  // namespace

void ExportProcess(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  exports.Set("processStats", Napi::Function::New(env, ProcessStats, "processStats"));
  exports.Set("signalProcess", Napi::Function::New(env, SendSignal, "signalProcess"));
  exports.Set("sendDatagram", Napi::Function::New(env, SendText, "sendDatagram"));
  exports.Set("pidNamespace", static_cast<double>(PidNamespace()));
  exports.Set("ticksPerSecond", static_cast<double>(TicksPerSecond()));
  exports.Set("isFirstThread", Napi::Function::New(env, FirstThread, "isFirstThread"));
}

}  // namespace rollcall
