// The sessions of session.h as objects of JavaScript. No logic lives here: what to do about an answer is decided in
// lib/queue/store/zookeeper/. Sessions belong to an environment: the main thread or one worker.
//
// A worker may be terminated in the middle of a call: from then on Node-API refuses whatever might run JavaScript, even to
// unwrap an object. So functions are bound to their session by a pointer, arguments are taken as they are, and what
// fails is left undone.

#include <napi.h>
#include <uv.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

#include "../addon/callback.h"
#include "../core/interface.h"
#include "session.h"

namespace rollcall {
namespace zookeeper {
namespace {

struct Handle;

// The open sessions of one environment.
using OpenHandles = std::set<Handle*>;

// A session and what JavaScript knows of it. Goes with the last of its functions.
struct Handle {
  napi_env env;
  uv_loop_t* loop;
  std::shared_ptr<OpenHandles> open;  // outlives the environment's end, in whatever order things end
  std::unique_ptr<Session> session;
  // While it is open: what they refer to keeps our functions too.
  napi_ref on_news = nullptr;
  napi_ref on_gone = nullptr;
  uint32_t functions = 0;

  void Release() {
    open->erase(this);
    Forget();
  }

  // Calls nothing back any more. The environment frees no reference by itself, not even when it ends.
  void Forget() {
    if (on_news != nullptr) napi_delete_reference(env, on_news);
    if (on_gone != nullptr) napi_delete_reference(env, on_gone);
    on_news = on_gone = nullptr;
  }
};

// The end of an environment with sessions that are open: no JavaScript runs any more. Their servers are told, and are given
// a moment to hear it: a socket that goes while answers are on their way takes the goodbye along.
class Farewell {
 public:
  static void Begin(napi_async_cleanup_hook_handle hook, void* data) {
    auto* open = static_cast<std::shared_ptr<OpenHandles>*>(data);
    auto* farewell = new Farewell(hook);
    uv_loop_t* loop = nullptr;
    for (Handle* handle : **open) {
      loop = handle->loop;
      handle->Forget();
      if (!handle->session->Close()) continue;
      handle->session->Rehome(OnGone, farewell);
      farewell->sessions_.push_back(std::move(handle->session));
    }
    (*open)->clear();
    delete open;
    farewell->Wait(loop);
  }

 private:
  static constexpr uint64_t kPatienceMs = 1000;

  explicit Farewell(napi_async_cleanup_hook_handle hook) : hook_(hook) {}

  void Wait(uv_loop_t* loop) {
    waiting_ = sessions_.size();
    if (waiting_ == 0) return Finish();
    uv_timer_init(loop, &timer_);
    timer_.data = this;
    uv_timer_start(&timer_, [](uv_timer_t* timer) { static_cast<Farewell*>(timer->data)->Stop(); }, kPatienceMs, 0);
  }

  static void OnGone(void* owner) {
    auto* farewell = static_cast<Farewell*>(owner);
    if (--farewell->waiting_ == 0) farewell->Stop();
  }

  void Stop() {
    if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer_))) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_),
             [](uv_handle_t* timer) { static_cast<Farewell*>(timer->data)->Finish(); });
  }

  void Finish() {
    sessions_.clear();
    napi_remove_async_cleanup_hook(hook_);
    delete this;
  }

  napi_async_cleanup_hook_handle hook_;
  uv_timer_t timer_;
  size_t waiting_ = 0;
  std::vector<std::unique_ptr<Session>> sessions_;
};

std::string StringAt(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsString() ? info[index].As<Napi::String>().Utf8Value() : std::string();
}

int IntAt(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsNumber() ? info[index].As<Napi::Number>().Int32Value() : 0;
}

uint32_t Uint32At(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsNumber() ? info[index].As<Napi::Number>().Uint32Value() : 0;
}

bool BooleanAt(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsBoolean() && info[index].As<Napi::Boolean>().Value();
}

// The bytes of a Uint8Array, or none.
struct Bytes {
  const char* data = "";
  size_t size = 0;

  Bytes(napi_env env, napi_value value) {
    napi_typedarray_type type;
    void* bytes = nullptr;
    size_t length = 0;
    bool is_array = false;
    if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return;
    const napi_status status = napi_get_typedarray_info(env, value, &type, &length, &bytes, nullptr, nullptr);
    if (status != napi_ok || type != napi_uint8_array || length == 0) return;
    data = static_cast<const char*>(bytes);
    size = length;
  }
};

std::string HexId(int64_t id) {
  char text[17];
  snprintf(text, sizeof text, "%" PRIx64, static_cast<uint64_t>(id));
  return text;
}

napi_value Number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value Text(napi_env env, const std::string& text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

napi_value Undefined(napi_env env) {
  napi_value result = nullptr;
  napi_get_undefined(env, &result);
  return result;
}

napi_value Truth(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

// An array that grows at its end.
class List {
 public:
  List(napi_env env, size_t size) : env_(env) { napi_create_array_with_length(env, size, &value_); }
  void Add(napi_value element) { napi_set_element(env_, value_, size_++, element); }
  napi_value value() const { return value_; }

 private:
  napi_env env_;
  napi_value value_ = nullptr;
  uint32_t size_ = 0;
};

napi_value StatArray(napi_env env, const Stat& stat, int64_t session) {
  List list(env, 5);
  list.Add(Number(env, stat.version));
  list.Add(Number(env, static_cast<double>(stat.czxid)));
  list.Add(Number(env, static_cast<double>(stat.mtime)));
  list.Add(Number(env, stat.numChildren));
  list.Add(Truth(env, stat.ephemeralOwner != 0 && stat.ephemeralOwner == session));
  return list.value();
}

napi_value ValueOf(napi_env env, const News& news) {
  if (news.kind == News::kWatch) return Text(env, news.value);
  if (news.has_value) {
    napi_value buffer = nullptr;
    napi_create_buffer_copy(env, news.value.size(), news.value.data(), nullptr, &buffer);
    return buffer == nullptr ? Undefined(env) : buffer;
  }
  if (!news.has_names) return Undefined(env);
  List names(env, news.names.size());
  for (const std::string& name : news.names) names.Add(Text(env, name));
  return names.value();
}

// onNews([kind, call, code, value, stat, kind, ...])
void Deliver(Handle& handle) {
  const napi_env env = handle.env;
  std::vector<News> news;
  news.swap(handle.session->news);
  if (news.empty()) return;
  List list(env, news.size() * 5);
  for (const News& one : news) {
    const Napi::HandleScope scope(env);
    list.Add(Number(env, one.kind));
    list.Add(Number(env, one.call));
    list.Add(Number(env, one.code));
    list.Add(ValueOf(env, one));
    list.Add(one.has_stat ? StatArray(env, one.stat, handle.session->id()) : Undefined(env));
  }
  CallBack(env, handle.on_news, {list.value()});
}

void WakeFromLoop(void* owner) {
  auto& handle = *static_cast<Handle*>(owner);
  const Napi::HandleScope scope(handle.env);
  Deliver(handle);
}

// The server's goodbye has come, or the end of its connection.
void GoneFromLoop(void* owner) {
  auto& handle = *static_cast<Handle*>(owner);
  const Napi::HandleScope scope(handle.env);
  CallBack(handle.env, handle.on_gone, {});
}

using HandleFunction = napi_value (*)(Handle&, const Napi::CallbackInfo&);

template <HandleFunction function>
napi_value Call(napi_env env, napi_callback_info raw) {
  Napi::CallbackInfo info(env, raw);
  return function(*static_cast<Handle*>(info.Data()), info);
}

void OnFunctionCollected(napi_env, void* data, void*) {
  auto* handle = static_cast<Handle*>(data);
  if (--handle->functions > 0) return;
  handle->open->erase(handle);
  delete handle;
}

void Bind(napi_value object, const char* name, napi_callback callback, Handle* handle) {
  const napi_env env = handle->env;
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, handle, &function) != napi_ok) return;
  if (napi_add_finalizer(env, function, handle, OnFunctionCollected, nullptr, nullptr) != napi_ok) return;
  handle->functions++;
  napi_set_named_property(env, object, name, function);
}

// addAuth(scheme, secret)
napi_value AddAuth(Handle& handle, const Napi::CallbackInfo& info) {
  if (!handle.session->closed()) handle.session->AddAuth(StringAt(info, 0), StringAt(info, 1));
  return nullptr;
}

// connect(ip, port) -> 0 or an errno
napi_value Connect(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string ip = StringAt(info, 0);
  const int port = IntAt(info, 1);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  int code = EINVAL;
  if (handle.session->closed()) {
    code = EBADF;
  } else if (uv_ip4_addr(ip.c_str(), port, &v4) == 0) {
    code = handle.session->Connect(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
  } else if (uv_ip6_addr(ip.c_str(), port, &v6) == 0) {
    code = handle.session->Connect(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
  }
  return Number(handle.env, code);
}

// connectPair() -> the descriptor of the other end, or a negative errno
napi_value ConnectPair(Handle& handle, const Napi::CallbackInfo&) {
  return Number(handle.env, handle.session->closed() ? -EBADF : handle.session->ConnectPair());
}

// drop(): what was in flight is answered before it returns
napi_value Drop(Handle& handle, const Napi::CallbackInfo&) {
  handle.session->Drop();
  Deliver(handle);
  return nullptr;
}

// close() -> whether onGone will be called; what was in flight is answered before it returns
napi_value Close(Handle& handle, const Napi::CallbackInfo&) {
  const bool lingers = handle.session->Close();
  Deliver(handle);
  return Truth(handle.env, lingers);
}

// abandon(): after close(); onGone will not be called any more
napi_value Abandon(Handle& handle, const Napi::CallbackInfo&) {
  handle.session->Abandon();
  handle.Release();
  return nullptr;
}

// get(call, path, watch) -> 0, or why there will be no reply; so do all below
napi_value Get(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->Get(Uint32At(info, 0), path.c_str(), BooleanAt(info, 2)));
}

// exists(call, path, watch)
napi_value Exists(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->Exists(Uint32At(info, 0), path.c_str(), BooleanAt(info, 2)));
}

// children(call, path, watch)
napi_value Children(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->Children(Uint32At(info, 0), path.c_str(), BooleanAt(info, 2)));
}

// create(call, path, data, flags, ownerOnly)
napi_value Create(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  const Bytes bytes(handle.env, info[2]);
  return Number(handle.env, handle.session->Create(Uint32At(info, 0), path.c_str(), bytes.data, bytes.size,
                                                   IntAt(info, 3), BooleanAt(info, 4)));
}

// set(call, path, data, version)
napi_value SetData(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  const Bytes bytes(handle.env, info[2]);
  return Number(handle.env,
                handle.session->Set(Uint32At(info, 0), path.c_str(), bytes.data, bytes.size, IntAt(info, 3)));
}

// delete(call, path, version)
napi_value Delete(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->Delete(Uint32At(info, 0), path.c_str(), IntAt(info, 2)));
}

// sync(call, path)
napi_value Sync(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->Sync(Uint32At(info, 0), path.c_str()));
}

// getAcl(call, path)
napi_value GetAcl(Handle& handle, const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 1);
  return Number(handle.env, handle.session->GetAcl(Uint32At(info, 0), path.c_str()));
}

// multi(call, kind, path, data, version, flags, ownerOnly, kind, ...)
napi_value Multi(Handle& handle, const Napi::CallbackInfo& info) {
  std::vector<Step> steps;
  for (size_t at = 1; at + 5 < info.Length(); at += 6) {
    const Bytes bytes(handle.env, info[at + 2]);
    steps.push_back({static_cast<Step::Kind>(IntAt(info, at)), StringAt(info, at + 1),
                     std::string(bytes.data, bytes.size), IntAt(info, at + 3), IntAt(info, at + 4),
                     BooleanAt(info, at + 5)});
  }
  return Number(handle.env, handle.session->Multi(Uint32At(info, 0), steps));
}

// id() -> in hexadecimal
napi_value Id(Handle& handle, const Napi::CallbackInfo&) { return Text(handle.env, HexId(handle.session->id())); }

// password() -> in hexadecimal
napi_value Password(Handle& handle, const Napi::CallbackInfo&) {
  std::string text;
  for (int i = 0; i < 16 && !handle.session->closed(); i++) {
    char hex[3];
    snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(handle.session->password()[i]));
    text += hex;
  }
  return Text(handle.env, text);
}

// timeoutMs() -> what the server has granted
napi_value TimeoutMs(Handle& handle, const Napi::CallbackInfo&) {
  return Number(handle.env, handle.session->timeout_ms());
}

// open(timeoutMs, id, password, onNews, onGone) -> its functions. Id and password in hexadecimal, or empty.
Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  const std::string id = StringAt(info, 1), password = StringAt(info, 2);
  char bytes[16] = {};
  for (size_t i = 0; i < sizeof bytes && 2 * i + 1 < password.size(); i++) {
    bytes[i] = static_cast<char>(strtoul(password.substr(2 * i, 2).c_str(), nullptr, 16));
  }
  auto* handle = new Handle{env, loop, *static_cast<std::shared_ptr<OpenHandles>*>(info.Data()), nullptr};
  handle->session = Session::Open(loop, IntAt(info, 0), static_cast<int64_t>(strtoull(id.c_str(), nullptr, 16)), bytes,
                                  WakeFromLoop, GoneFromLoop, handle);
  if (handle->session == nullptr) {
    delete handle;
    napi_throw_error(env, nullptr, "There is no memory for a session");
    return Napi::Value();
  }
  handle->open->insert(handle);
  napi_create_reference(env, info[3], 1, &handle->on_news);
  napi_create_reference(env, info[4], 1, &handle->on_gone);
  const Napi::Object object = Napi::Object::New(env);
  Bind(object, "addAuth", Call<AddAuth>, handle);
  Bind(object, "connect", Call<Connect>, handle);
  Bind(object, "connectPair", Call<ConnectPair>, handle);
  Bind(object, "drop", Call<Drop>, handle);
  Bind(object, "close", Call<Close>, handle);
  Bind(object, "abandon", Call<Abandon>, handle);
  Bind(object, "get", Call<Get>, handle);
  Bind(object, "exists", Call<Exists>, handle);
  Bind(object, "children", Call<Children>, handle);
  Bind(object, "create", Call<Create>, handle);
  Bind(object, "set", Call<SetData>, handle);
  Bind(object, "delete", Call<Delete>, handle);
  Bind(object, "sync", Call<Sync>, handle);
  Bind(object, "getAcl", Call<GetAcl>, handle);
  Bind(object, "multi", Call<Multi>, handle);
  Bind(object, "id", Call<Id>, handle);
  Bind(object, "password", Call<Password>, handle);
  Bind(object, "timeoutMs", Call<TimeoutMs>, handle);
  return object;
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  auto* open = new std::shared_ptr<OpenHandles>(std::make_shared<OpenHandles>());
  napi_add_async_cleanup_hook(env, Farewell::Begin, open, nullptr);
  exports.Set("interface", rollcall::kInterface);
  exports.Set("open", Napi::Function::New(env, Open, "open", open));
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Initialize)

}  // namespace
}  // namespace zookeeper
}  // namespace rollcall
