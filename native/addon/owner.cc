// The functions with which a worker claims a slot and writes to it.

#include <cstring>

#include "../core/crc32c.h"
#include "../core/platform.h"
#include "handle.h"

namespace rollcall {
namespace {

// What a publish answers: nothing when all is well, else the number of a Code. It must cost
// nothing in the ordinary case, and lib/binding.ts knows these numbers.
napi_value Outcome(napi_env env, const Status& status) {
  if (status.ok()) return nullptr;
  napi_value number;
  napi_create_int32(env, static_cast<int32_t>(status.code), &number);
  return number;
}

Status CanPublish(const Handle& handle) {
  if (handle.closed) return Status::Of(Code::kClosed);
  return handle.board.has_slot() ? Status::Ok() : Status::Of(Code::kNotClaimed);
}

// Narrows UTF-16 that is all ASCII to bytes. False: it is not, and `out` holds nothing of use.
// Branchless, so that the compiler makes it a few vector instructions.
bool NarrowAscii(const char16_t* text, size_t length, char* out) {
  char16_t seen = 0;
  for (size_t i = 0; i < length; i++) {
    seen |= text[i];
    out[i] = static_cast<char>(text[i]);
  }
  return seen < 0x80;
}

// Encodes before the latch is touched: V8 must not run between its two stores. V8 copies a string
// out as UTF-16 sooner than as UTF-8, and nearly every status is ASCII. One call tells whether it
// fits, too: of a longer string it copies one more than fits.
template <bool json>
inline napi_value PublishString(napi_env env, Handle& handle, napi_value text) {
  const Status possible = CanPublish(handle);
  if (!possible.ok()) return Outcome(env, possible);
  size_t length;
  char16_t* wide = handle.wide.data();
  if (napi_get_value_string_utf16(env, text, wide, handle.text_limit + 2, &length) != napi_ok) {
    return Misuse(env, "Expected a string");
  }
  if (length > handle.text_limit) return Outcome(env, Status::Of(Code::kTooLong));
  Encoding encoding = json ? Encoding::kJson : Encoding::kAscii;
  if (!NarrowAscii(wide, length, handle.board.staging())) {
    const size_t room = handle.text_limit + 8;  // a character that does not fit whole is left out
    if (napi_get_value_string_utf8(env, text, handle.board.staging(), room, &length) != napi_ok) {
      return Misuse(env, "Expected a string");
    }
    if (length > handle.text_limit) return Outcome(env, Status::Of(Code::kTooLong));
    if (!json) encoding = Encoding::kUtf8;
  }
  return Outcome(env, handle.board.Publish(RecordKind::kInline, encoding, static_cast<uint32_t>(length)));
}

// publishText(string), publishJson(string) -> undefined | code. Raw Node-API: the C++ wrapper
// would double the price of this call.
template <bool json>
napi_value PublishBound(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value text;
  void* data;
  napi_get_cb_info(env, info, &argc, &text, nullptr, &data);
  return PublishString<json>(env, *static_cast<Handle*>(data), text);
}

// publishTextAt(number, string) -> undefined | code. REQUIRES: the board of that number is still
// reachable in JavaScript; a number that is nobody's is answered, not followed.
napi_value PublishTextAt(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  const HandleTable& table = **static_cast<std::shared_ptr<HandleTable>*>(data);
  uint32_t number = 0;
  const bool known = napi_get_value_uint32(env, argv[0], &number) == napi_ok && number < table.size();
  if (!known || table[number] == nullptr) return Outcome(env, Status::Of(Code::kClosed));
  return PublishString<false>(env, *table[number], argv[1]);
}

// The bytes of a Uint8Array, as they lie in memory now.
bool BytesOf(napi_env env, napi_value value, const uint8_t** bytes, size_t* length) {
  napi_typedarray_type type;
  void* data;
  if (napi_get_typedarray_info(env, value, &type, length, &data, nullptr, nullptr) != napi_ok) return false;
  *bytes = static_cast<const uint8_t*>(data);
  return type == napi_uint8_array;
}

napi_value PublishCopied(napi_env env, Handle& handle, const uint8_t* bytes, size_t length, Encoding encoding) {
  if (length > handle.text_limit) return Outcome(env, Status::Of(Code::kTooLong));
  if (length > 0) memcpy(handle.board.staging(), bytes, length);
  return Outcome(env, handle.board.Publish(RecordKind::kInline, encoding, static_cast<uint32_t>(length)));
}

// publishBytes(bytes) -> undefined | code
napi_value PublishBytes(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value value;
  void* data;
  napi_get_cb_info(env, info, &argc, &value, nullptr, &data);
  Handle& handle = *static_cast<Handle*>(data);
  const Status possible = CanPublish(handle);
  if (!possible.ok()) return Outcome(env, possible);

  const uint8_t* bytes;
  size_t length;
  if (!BytesOf(env, value, &bytes, &length)) return Misuse(env, "Expected a Uint8Array");
  return PublishCopied(env, handle, bytes, length, Encoding::kBytes);
}

// publishJsonBytes(bytes, length) -> undefined | code. JSON text as the first `length` bytes of a buffer that its
// owner keeps and changes in place.
napi_value PublishJsonBytes(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  Handle& handle = *static_cast<Handle*>(data);
  const Status possible = CanPublish(handle);
  if (!possible.ok()) return Outcome(env, possible);

  const uint8_t* bytes;
  size_t size;
  uint32_t length;
  if (!BytesOf(env, argv[0], &bytes, &size) || napi_get_value_uint32(env, argv[1], &length) != napi_ok ||
      length > size) {
    return Misuse(env, "Expected a Uint8Array, and how many of its bytes");
  }
  return PublishCopied(env, handle, bytes, length, Encoding::kJson);
}

// publishOverflow(bytes, previewBytes, encoding, generation) -> undefined | code
Napi::Value PublishOverflow(Handle& handle, const Napi::CallbackInfo& info) {
  const Status possible = CanPublish(handle);
  if (!possible.ok()) return Napi::Value(info.Env(), Outcome(info.Env(), possible));
  const uint8_t* bytes;
  size_t length;
  if (!BytesOf(info.Env(), info[0], &bytes, &length)) return Misuse(info.Env(), "Expected a Uint8Array");
  const uint32_t preview = Uint32At(info, 1), encoding = Uint32At(info, 2);
  if (encoding >= kEncodings || preview > length || preview > handle.board.file().geometry().inline_bytes) {
    return Misuse(info.Env(), "Expected a preview that fits into a slot");
  }
  memcpy(handle.board.staging(), bytes, preview);
  const Status status = handle.board.PublishOverflow(static_cast<Encoding>(encoding), preview, Uint64At(info, 3), length,
                                                     Crc32c(0, bytes, length));
  return Napi::Value(info.Env(), Outcome(info.Env(), status));
}

ClaimTerms TermsAt(const Napi::CallbackInfo& info, size_t keeps_status, size_t dead_for_ms) {
  ClaimTerms terms;
  terms.keeps_status = BooleanAt(info, keeps_status);
  const double ms = DoubleAt(info, dead_for_ms);
  // What is more than a number of nanoseconds can say is for ever.
  if (ms >= 0 && ms < 1e13) terms.dead_for_ns = static_cast<uint64_t>(ms * 1e6);
  return terms;
}

Ending EndingAt(const Napi::CallbackInfo& info, size_t kind, size_t value) {
  const uint32_t number = Uint32At(info, kind);
  const bool known = number <= static_cast<uint32_t>(EndKind::kTerminated);
  return {known ? static_cast<EndKind>(number) : EndKind::kUnknown, static_cast<uint8_t>(Uint32At(info, value))};
}

// claim(id, threadId, keepsStatus, deadForMs) -> { slot, epoch, endedEpoch, endedGeneration } | failure
Napi::Value Claim(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (handle.closed) return Failure(env, Status::Of(Code::kClosed));
  const std::string id = StringAt(info, 0);
  if (id.empty() || id.size() > kMaxIdBytes || handle.board.has_slot() || handle.board.file().read_only()) {
    return Misuse(env, "Expected an id of 1 to 128 bytes, and a writable handle without a slot");
  }
  Claimed claimed;
  const Status status = handle.board.TryClaim(id.data(), static_cast<uint32_t>(id.size()),
                                              Uint32At(info, 1), &claimed, TermsAt(info, 2, 3));
  if (!status.ok()) return Failure(env, status);
  Napi::Object result = Napi::Object::New(env);
  result.Set("slot", static_cast<double>(claimed.slot));
  result.Set("epoch", static_cast<double>(claimed.epoch));
  result.Set("endedEpoch", static_cast<double>(claimed.ended_epoch));
  result.Set("endedGeneration", static_cast<double>(claimed.ended_generation));
  return result;
}

// retire(slots: number[], includeKept) -> { slot, epoch, generation }[] | failure
Napi::Value Retire(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (handle.closed) return Failure(env, Status::Of(Code::kClosed));
  if (!info[0].IsArray() || handle.board.file().read_only()) return Misuse(env, "Expected an array of slots");
  const Napi::Array wanted = info[0].As<Napi::Array>();
  std::vector<uint32_t> slots;
  for (uint32_t i = 0; i < wanted.Length(); i++) slots.push_back(wanted.Get(i).ToNumber().Uint32Value());
  std::vector<Retired> retired;
  const Status status = handle.board.TryRetire(slots, &retired, BooleanAt(info, 1) ? Kept::kInclude : Kept::kSpare);
  if (!status.ok()) return Failure(env, status);
  Napi::Array result = Napi::Array::New(env, retired.size());
  for (uint32_t i = 0; i < retired.size(); i++) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("slot", static_cast<double>(retired[i].slot));
    one.Set("epoch", static_cast<double>(retired[i].epoch));
    one.Set("generation", static_cast<double>(retired[i].generation));
    result.Set(i, one);
  }
  return result;
}

// noteEnd(pid, kind, value) -> the number of slots that this process had | failure
Napi::Value NoteEnd(Handle& handle, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (handle.closed) return Failure(env, Status::Of(Code::kClosed));
  if (handle.board.file().read_only()) return Misuse(env, "Expected a writable handle");
  uint32_t slots = 0;
  const Status status = handle.board.TryNoteEnd(Uint32At(info, 0), EndingAt(info, 1, 2), &slots);
  return status.ok() ? Napi::Number::New(env, slots) : Failure(env, status);
}

// startHeart(everyMs, attend: (beatsLeftOpen) => void) -> undefined
Napi::Value StartHeart(Handle& handle, const Napi::CallbackInfo& info) {
  if (!info[1].IsFunction() || handle.heart != nullptr) return Misuse(info.Env(), "Expected a function, and no heart yet");
  if (CanPublish(handle).ok()) Heart::Start(&handle, Uint32At(info, 0), info[1].As<Napi::Function>());
  return info.Env().Undefined();
}

// endInspection() -> undefined
Napi::Value EndInspection(Handle& handle, const Napi::CallbackInfo& info) {
  if (CanPublish(handle).ok()) handle.board.EndInspection();
  return info.Env().Undefined();
}

// noteSigusr1(handles) -> undefined
Napi::Value NoteSigusr1(Handle& handle, const Napi::CallbackInfo& info) {
  if (CanPublish(handle).ok()) handle.board.NoteSigusr1(BooleanAt(info, 0));
  return info.Env().Undefined();
}

// noteInspection(slot, epoch, forMs) -> false when that owner is gone; 0 ms: nobody inspects it
Napi::Value NoteInspection(Handle& handle, const Napi::CallbackInfo& info) {
  const uint32_t slot = Uint32At(info, 0), for_ms = Uint32At(info, 2);
  const BoardFile& file = handle.board.file();
  if (handle.closed || file.read_only() || slot >= file.geometry().slot_count) {
    return Misuse(info.Env(), "Expected a slot of a writable board");
  }
  const uint64_t until = for_ms == 0 ? 0 : CoarseMonotonicNs() + uint64_t{for_ms} * 1000000;
  return Napi::Boolean::New(info.Env(), handle.board.NoteInspection(slot, Uint64At(info, 1), until));
}

// close() -> undefined. Says good-bye first, if there is a slot.
Napi::Value Close(Handle& handle, const Napi::CallbackInfo& info) {
  handle.Close();
  return info.Env().Undefined();
}

// abandon(kind, value) -> undefined. The same without a good-bye; says how the owner ended.
Napi::Value Abandon(Handle& handle, const Napi::CallbackInfo& info) {
  handle.Abandon(EndingAt(info, 0, 1));
  return info.Env().Undefined();
}

}  // namespace

void BindOwner(Napi::Object object, Handle* handle) {
  object.Set("number", static_cast<double>(handle->number));
  Bind(object, "publishText", PublishBound<false>, handle);
  Bind(object, "publishJson", PublishBound<true>, handle);
  Bind(object, "publishBytes", PublishBytes, handle);
  Bind(object, "publishJsonBytes", PublishJsonBytes, handle);
  Bind(object, "publishOverflow", Call<PublishOverflow>, handle);
  Bind(object, "claim", Call<Claim>, handle);
  Bind(object, "retire", Call<Retire>, handle);
  Bind(object, "noteEnd", Call<NoteEnd>, handle);
  Bind(object, "startHeart", Call<StartHeart>, handle);
  Bind(object, "endInspection", Call<EndInspection>, handle);
  Bind(object, "noteSigusr1", Call<NoteSigusr1>, handle);
  Bind(object, "noteInspection", Call<NoteInspection>, handle);
  Bind(object, "close", Call<Close>, handle);
  Bind(object, "abandon", Call<Abandon>, handle);
}

void ExportOwner(Napi::Object exports, const std::shared_ptr<HandleTable>& table) {
  const napi_env env = exports.Env();
  auto* held = new std::shared_ptr<HandleTable>(table);
  const auto release = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<HandleTable>*>(data); };
  napi_value function;
  napi_create_function(env, "publishTextAt", NAPI_AUTO_LENGTH, PublishTextAt, held, &function);
  napi_add_finalizer(env, function, held, release, nullptr, nullptr);
  exports.Set("publishTextAt", Napi::Value(env, function));
}

}  // namespace rollcall
