// The functions that belong to no board yet: create, open, and a checksum. No logic lives in this
// folder; what to do about an answer is decided in lib/, what memory may do in core/.

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "../core/crc32c.h"
#include "../core/file_lock.h"
#include "../core/interface.h"
#include "../core/platform.h"
#include "handle.h"

namespace rollcall {
namespace {

std::string Hex(const uint8_t* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// [[name, kind], ...] -> table
bool ReadNames(const Napi::Value& value, std::vector<NameEntry>* out) {
  if (!value.IsArray()) return false;
  const Napi::Array list = value.As<Napi::Array>();
  if (list.Length() > kMaxCounters) return false;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value pair = list.Get(i);
    if (!pair.IsArray()) return false;
    const std::string name = pair.As<Napi::Array>().Get(0u).ToString().Utf8Value();
    if (name.empty() || name.size() > kMaxNameBytes) return false;
    NameEntry entry = {};
    entry.kind = static_cast<uint8_t>(pair.As<Napi::Array>().Get(1u).ToNumber().Uint32Value());
    entry.length = static_cast<uint8_t>(name.size());
    memcpy(entry.name, name.data(), name.size());
    out->push_back(entry);
  }
  return true;
}

// { path, temporary, slots, inlineBytes, counters, sharedCounters, boardId, mode, anyFilesystem }
bool ReadPlan(const Napi::Value& value, BoardPlan* plan) {
  if (!value.IsObject()) return false;
  const Napi::Object object = value.As<Napi::Object>();
  plan->path = object.Get("path").ToString().Utf8Value();
  plan->temporary = object.Get("temporary").ToString().Utf8Value();
  plan->slot_count = object.Get("slots").ToNumber().Uint32Value();
  plan->inline_bytes = object.Get("inlineBytes").ToNumber().Uint32Value();
  plan->mode = object.Get("mode").ToNumber().Uint32Value();
  plan->any_filesystem = object.Get("anyFilesystem").ToBoolean();
  const Napi::Value id = object.Get("boardId");
  if (!id.IsBuffer() || id.As<Napi::Buffer<uint8_t>>().Length() != sizeof plan->board_id) return false;
  memcpy(plan->board_id, id.As<Napi::Buffer<uint8_t>>().Data(), sizeof plan->board_id);
  const bool sane = plan->slot_count >= kMinSlots && plan->slot_count <= kMaxSlots &&
                    plan->inline_bytes >= kMinInline && plan->inline_bytes <= kMaxInline;
  return sane && ReadNames(object.Get("counters"), &plan->counters) &&
         ReadNames(object.Get("sharedCounters"), &plan->shared_counters);
}

// create(plan) -> undefined | failure
Napi::Value Create(const Napi::CallbackInfo& info) {
  BoardPlan plan;
  if (!ReadPlan(info[0], &plan)) return Misuse(info.Env(), "Expected the plan of a board");
  return Failure(info.Env(), BoardFile::Create(plan));
}

// enter() -> undefined | failure
Napi::Value Enter(Handle& handle, const Napi::CallbackInfo& info) {
  return Failure(info.Env(), handle.closed ? Status::Of(Code::kClosed) : handle.board.file().Enter());
}

// supplant(plan) -> undefined | failure
Napi::Value Supplant(Handle& handle, const Napi::CallbackInfo& info) {
  BoardPlan plan;
  if (handle.closed) return Failure(info.Env(), Status::Of(Code::kClosed));
  if (!ReadPlan(info[0], &plan)) return Misuse(info.Env(), "Expected the plan of a board");
  return Failure(info.Env(), handle.board.file().Supplant(std::move(plan)));
}

Napi::Value DescribeNames(napi_env env, const BoardFile& file) {
  Napi::Array names = Napi::Array::New(env);
  for (const NameEntry& entry : file.names()) {
    Napi::Array pair = Napi::Array::New(env);
    pair.Set(0u, Napi::String::New(env, entry.name, entry.length));
    pair.Set(1u, static_cast<double>(entry.kind));
    names.Set(names.Length(), pair);
  }
  return names;
}

// open(path, readOnly, anyFilesystem, maxStatusBytes) -> the board's functions and facts | failure
Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto handle = std::make_unique<Handle>(env, *static_cast<std::shared_ptr<HandleTable>*>(info.Data()));
  BoardFile& file = handle->board.file();
  const Status status = file.Open(StringAt(info, 0), BooleanAt(info, 1), BooleanAt(info, 2));
  if (!status.ok()) return Failure(env, status);
  handle->board.Ready();
  const Geometry& geometry = file.geometry();
  handle->text_limit = std::min(Uint32At(info, 3), geometry.inline_bytes);
  handle->wide.resize(handle->text_limit + 2);

  Napi::Object object = Napi::Object::New(env);
  object.Set("boardId", Hex(file.header().board_id, sizeof file.header().board_id));
  object.Set("slots", static_cast<double>(geometry.slot_count));
  object.Set("inlineBytes", static_cast<double>(geometry.inline_bytes));
  object.Set("names", DescribeNames(env, file));
  object.Set("uid", static_cast<double>(file.uid()));
  object.Set("inode", static_cast<double>(file.inode()));
  object.Set("links", static_cast<double>(file.links()));
  object.Set("fromEarlierBoot", file.from_earlier_boot());
  Handle* bound = handle.release();  // from here on its functions own it
  BindOwner(object, bound);
  BindReader(object, bound);
  BindCounters(object, bound);
  BindWaiter(object, bound);
  Bind(object, "enter", Call<Enter>, bound);
  Bind(object, "supplant", Call<Supplant>, bound);
  return object;
}

// isAbandoned(path) -> whether a creator's temporary file has lost its creator
Napi::Value Abandoned(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), IsAbandoned(StringAt(info, 0).c_str()));
}

// A lock on a directory, and how it ends: by word, or with its last reference, or with its environment.
struct DirectoryLock {
  int fd;
  void End() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

// shareDirectory(path) -> a function that ends it | undefined where such a lock cannot be had
Napi::Value LockDirectory(const Napi::CallbackInfo& info) {
  const int fd = ShareDirectory(StringAt(info, 0).c_str());
  if (fd < 0) return info.Env().Undefined();
  auto* lock = new DirectoryLock{fd};
  const auto end = [](const Napi::CallbackInfo& call) { static_cast<DirectoryLock*>(call.Data())->End(); };
  const Napi::Function function = Napi::Function::New(info.Env(), end, "unlock", lock);
  function.AddFinalizer([](Napi::Env, DirectoryLock* one) { one->End(), delete one; }, lock);
  return function;
}

// hasAcl(path) -> whether it has access rules beside its mode
Napi::Value Acl(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), HasAcl(StringAt(info, 0).c_str()));
}

// crc32c(bytes) -> number
Napi::Value Checksum(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) return Misuse(info.Env(), "Expected a Uint8Array");
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  return Napi::Number::New(info.Env(), Crc32c(0, bytes.Data(), bytes.ByteLength()));
}

// nothing() -> undefined. What any call into the addon costs: the unit of the benchmarks.
napi_value Nothing(napi_env, napi_callback_info) { return nullptr; }

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("interface", kInterface);
  exports.Set("create", Napi::Function::New(env, Create, "create"));
  const auto table = std::make_shared<HandleTable>();
  auto* held = new std::shared_ptr<HandleTable>(table);
  const Napi::Function open = Napi::Function::New(env, Open, "open", held);
  open.AddFinalizer([](Napi::Env, std::shared_ptr<HandleTable>* one) { delete one; }, held);
  exports.Set("open", open);
  ExportOwner(exports, table);
  ExportProcess(exports);
  exports.Set("isAbandoned", Napi::Function::New(env, Abandoned, "isAbandoned"));
  exports.Set("shareDirectory", Napi::Function::New(env, LockDirectory, "shareDirectory"));
  exports.Set("hasAcl", Napi::Function::New(env, Acl, "hasAcl"));
  exports.Set("crc32c", Napi::Function::New(env, Checksum, "crc32c"));
  napi_value nothing;
  napi_create_function(env, "nothing", NAPI_AUTO_LENGTH, Nothing, nullptr, &nothing);
  exports.Set("nothing", Napi::Value(env, nothing));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Initialize)

}  // namespace rollcall
