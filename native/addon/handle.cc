#include "handle.h"

namespace rollcall {
namespace {

const char* NameOf(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kNotABoard: return "NOT_A_BOARD";
    case Code::kVersion: return "VERSION";
    case Code::kEndian: return "ENDIAN";
    case Code::kCorruptHeader: return "CORRUPT_HEADER";
    case Code::kInsecurePath: return "INSECURE_PATH";
    case Code::kUnsupportedFs: return "UNSUPPORTED_FS";
    case Code::kLocksUnsupported: return "LOCKS_UNSUPPORTED";
    case Code::kNoSpace: return "NO_SPACE";
    case Code::kBoardFull: return "BOARD_FULL";
    case Code::kIdInUse: return "ID_IN_USE";
    case Code::kBusy: return "BUSY";
    case Code::kReplaced: return "REPLACED";
    case Code::kExists: return "EXISTS";
    case Code::kInUse: return "IN_USE";
    case Code::kGone: return "GONE";
    case Code::kTooLong: return "TOO_LONG";
    case Code::kNotClaimed: return "NOT_CLAIMED";
    case Code::kClosed: return "CLOSED";
    case Code::kSystem: return "SYSTEM";
  }
  return "SYSTEM";
}

void OnEnvironmentEnd(void* data) {
  Handle* handle = static_cast<Handle*>(data);
  handle->hooked = false;
  // An environment that ended in order has closed its boards by now, from JavaScript. This one was
  // terminated, or ran out of memory.
  handle->Abandon({EndKind::kTerminated, 0});
  if (handle->functions == 0) delete handle;
}

void OnFunctionCollected(napi_env env, void* data, void*) {
  Handle* handle = static_cast<Handle*>(data);
  if (--handle->functions > 0) return;
  if (handle->board.has_slot()) return;  // OnEnvironmentEnd will come
  if (handle->hooked) napi_remove_env_cleanup_hook(env, OnEnvironmentEnd, handle);
  handle->Close();
  delete handle;
}

}  // namespace

Handle::Handle(napi_env environment, std::shared_ptr<HandleTable> handles) : env(environment), table(std::move(handles)) {
  number = 0;
  while (number < table->size() && (*table)[number] != nullptr) number++;
  if (number == table->size()) table->push_back(nullptr);
  (*table)[number] = this;
}

void Handle::HookLast() {
  if (hooked) napi_remove_env_cleanup_hook(env, OnEnvironmentEnd, this);
  hooked = napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this) == napi_ok;
}

void Handle::Close() noexcept {
  closed = true;
  Heart::Stop(this);
  waiter.Stop();
  view.End(env);  // while the slot is still ours
  board.Release();
  GiveBack();
}

void Handle::Abandon(Ending how) noexcept {
  closed = true;
  Heart::Stop(this);
  waiter.Stop();
  view.End(env);
  board.Abandon(how);
  GiveBack();
}

void Handle::GiveBack() noexcept {
  board.liveness().Reset();
  board.file().Close();
}

void Bind(Napi::Object object, const char* name, napi_callback callback, Handle* handle) {
  const napi_env env = object.Env();
  if (!handle->hooked) handle->HookLast();
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, handle, &function) != napi_ok) return;
  if (napi_add_finalizer(env, function, handle, OnFunctionCollected, nullptr, nullptr) != napi_ok) return;
  handle->functions++;
  object.Set(name, Napi::Value(env, function));
}

Napi::Value Failure(napi_env env, const Status& status) {
  if (status.ok()) return Napi::Env(env).Undefined();
  Napi::Object failure = Napi::Object::New(env);
  failure.Set("code", NameOf(status.code));
  if (status.syscall != nullptr) {
    failure.Set("syscall", status.syscall);
    failure.Set("errno", status.error);
  }
  return failure;
}

uint32_t Uint32At(const Napi::CallbackInfo& info, size_t index) {
  uint32_t value = 0;
  return napi_get_value_uint32(info.Env(), info[index], &value) == napi_ok ? value : 0;
}

uint64_t Uint64At(const Napi::CallbackInfo& info, size_t index) {
  int64_t value = 0;
  return napi_get_value_int64(info.Env(), info[index], &value) == napi_ok ? static_cast<uint64_t>(value) : 0;
}

bool BooleanAt(const Napi::CallbackInfo& info, size_t index) {
  bool value = false;
  return napi_get_value_bool(info.Env(), info[index], &value) == napi_ok && value;
}

double DoubleAt(const Napi::CallbackInfo& info, size_t index) {
  double value = 0;
  return napi_get_value_double(info.Env(), info[index], &value) == napi_ok ? value : 0;
}

std::string StringAt(const Napi::CallbackInfo& info, size_t index) {
  size_t length = 0;
  if (napi_get_value_string_utf8(info.Env(), info[index], nullptr, 0, &length) != napi_ok) return {};
  std::string text(length, '\0');
  napi_get_value_string_utf8(info.Env(), info[index], text.data(), length + 1, &length);
  return text;
}

Napi::Value Misuse(napi_env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return Napi::Value();
}

}  // namespace rollcall
