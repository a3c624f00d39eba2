// The sessions of session.h as objects of JavaScript. No logic lives here: what to do about an answer is decided in
// lib/queue/store/zookeeper/. Sessions belong to an environment: the main thread or one worker.

#include <napi.h>
#include <uv.h>

#include <cinttypes>
#include <cstdio>
#include <set>

#include "session.h"

namespace rollcall {
namespace zookeeper {
namespace {

class SessionObject;

// One for each environment.
struct Environment {
  std::set<SessionObject*> open;
};

int64_t ParseId(const std::string& text) { return static_cast<int64_t>(strtoull(text.c_str(), nullptr, 16)); }

std::string HexId(int64_t id) {
  char text[17];
  snprintf(text, sizeof text, "%" PRIx64, static_cast<uint64_t>(id));
  return text;
}

// What a request carries: the bytes of a Uint8Array, or none.
struct Bytes {
  const char* data = "";
  size_t size = 0;

  explicit Bytes(const Napi::Value& value) {
    if (!value.IsTypedArray()) return;
    const auto array = value.As<Napi::Uint8Array>();
    size = array.ByteLength();
    if (size > 0) data = reinterpret_cast<const char*>(array.Data());
  }
};

Napi::Value StatArray(Napi::Env env, const Stat& stat, int64_t session) {
  Napi::Array array = Napi::Array::New(env, 5);
  array.Set(0u, static_cast<double>(stat.version));
  array.Set(1u, static_cast<double>(stat.czxid));
  array.Set(2u, static_cast<double>(stat.mtime));
  array.Set(3u, static_cast<double>(stat.numChildren));
  array.Set(4u, stat.ephemeralOwner != 0 && stat.ephemeralOwner == session);
  return array;
}

Napi::Value ValueOf(Napi::Env env, const News& news) {
  if (news.kind == News::kWatch) return Napi::String::New(env, news.value);
  if (news.has_value) return Napi::Buffer<char>::Copy(env, news.value.data(), news.value.size());
  if (!news.has_names) return env.Undefined();
  Napi::Array names = Napi::Array::New(env, news.names.size());
  for (uint32_t i = 0; i < news.names.size(); i++) names.Set(i, Napi::String::New(env, news.names[i]));
  return names;
}

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  // new Session(timeoutMs, id, password, onNews, onGone): id and password in hexadecimal, or empty
  explicit SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
    const Napi::Env env = info.Env();
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    const std::string id = info[1].ToString(), password = info[2].ToString();
    char bytes[16] = {};
    for (size_t i = 0; i < sizeof bytes && 2 * i + 1 < password.size(); i++) {
      bytes[i] = static_cast<char>(strtoul(password.substr(2 * i, 2).c_str(), nullptr, 16));
    }
    on_news_ = Napi::Persistent(info[3].As<Napi::Function>());
    on_gone_ = Napi::Persistent(info[4].As<Napi::Function>());
    const auto wake = [](void* owner) { static_cast<SessionObject*>(owner)->FromLoop(&SessionObject::Deliver); };
    const auto gone = [](void* owner) { static_cast<SessionObject*>(owner)->FromLoop(&SessionObject::Gone); };
    session_ = Session::Open(loop, info[0].ToNumber().Int32Value(), ParseId(id), bytes, wake, gone, this);
    if (session_ == nullptr) {
      Napi::Error::New(env, "Cannot allocate a session").ThrowAsJavaScriptException();
      return;
    }
    // While it is open the loop knows it, and so nobody else need.
    Hold();
  }

  ~SessionObject() override { Forget(); }

  // When the environment ends, with whatever is open: no JavaScript runs any more.
  void End() {
    held_ = false;
    session_.reset();
  }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Session",
                       {
                           InstanceMethod<&SessionObject::AddAuth>("addAuth"),
                           InstanceMethod<&SessionObject::Connect>("connect"),
                           InstanceMethod<&SessionObject::ConnectPair>("connectPair"),
                           InstanceMethod<&SessionObject::Drop>("drop"),
                           InstanceMethod<&SessionObject::Close>("close"),
                           InstanceMethod<&SessionObject::Abandon>("abandon"),
                           InstanceMethod<&SessionObject::Get>("get"),
                           InstanceMethod<&SessionObject::Exists>("exists"),
                           InstanceMethod<&SessionObject::Children>("children"),
                           InstanceMethod<&SessionObject::Create>("create"),
                           InstanceMethod<&SessionObject::SetData>("set"),
                           InstanceMethod<&SessionObject::Delete>("delete"),
                           InstanceMethod<&SessionObject::Sync>("sync"),
                           InstanceMethod<&SessionObject::GetAcl>("getAcl"),
                           InstanceMethod<&SessionObject::Multi>("multi"),
                           InstanceAccessor<&SessionObject::Id>("id"),
                           InstanceAccessor<&SessionObject::Password>("password"),
                           InstanceAccessor<&SessionObject::TimeoutMs>("timeoutMs"),
                       });
  }

 private:
  void Hold() {
    held_ = true;
    Ref();
    Env().GetInstanceData<Environment>()->open.insert(this);
  }

  void Forget() {
    if (!held_) return;
    held_ = false;
    Env().GetInstanceData<Environment>()->open.erase(this);
  }

  void Release() {
    if (!held_) return;
    Forget();
    Unref();
  }

  // Calls a method of ours from a callback of the loop.
  void FromLoop(void (SessionObject::*method)(Napi::Env)) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    (this->*method)(env);
  }

  // A callback of ours does not throw; where one does, it is as if any callback of the loop had.
  void Call(const Napi::FunctionReference& callback, const std::vector<napi_value>& arguments) {
    const Napi::Env env = Env();
    callback.MakeCallback(env.Global(), arguments);
    if (!env.IsExceptionPending()) return;
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }

  // onNews([kind, call, code, value, stat, kind, ...])
  void Deliver(Napi::Env env) {
    std::vector<News> news;
    news.swap(session_->news);
    if (news.empty()) return;
    Napi::Array list = Napi::Array::New(env, news.size() * 5);
    uint32_t at = 0;
    for (const News& one : news) {
      const Napi::HandleScope scope(env);
      list.Set(at++, static_cast<double>(one.kind));
      list.Set(at++, static_cast<double>(one.call));
      list.Set(at++, static_cast<double>(one.code));
      list.Set(at++, ValueOf(env, one));
      list.Set(at++, one.has_stat ? StatArray(env, one.stat, session_->id()) : env.Undefined());
    }
    Call(on_news_, {list});
  }

  void Gone(Napi::Env env) {
    Release();
    Call(on_gone_, {});
  }

  Napi::Value Code(const Napi::CallbackInfo& info, int code) { return Napi::Number::New(info.Env(), code); }

  // addAuth(scheme, secret)
  Napi::Value AddAuth(const Napi::CallbackInfo& info) {
    if (!session_->closed()) session_->AddAuth(info[0].ToString(), info[1].ToString());
    return info.Env().Undefined();
  }

  // connect(ip, port) -> 0 or an errno
  Napi::Value Connect(const Napi::CallbackInfo& info) {
    const std::string ip = info[0].ToString();
    const int port = info[1].ToNumber().Int32Value();
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (session_->closed()) return Code(info, EBADF);
    if (uv_ip4_addr(ip.c_str(), port, &v4) == 0) {
      return Code(info, session_->Connect(reinterpret_cast<sockaddr*>(&v4), sizeof v4));
    }
    if (uv_ip6_addr(ip.c_str(), port, &v6) == 0) {
      return Code(info, session_->Connect(reinterpret_cast<sockaddr*>(&v6), sizeof v6));
    }
    return Code(info, EINVAL);
  }

  // connectPair() -> the descriptor of the other end, or a negative errno
  Napi::Value ConnectPair(const Napi::CallbackInfo& info) {
    return Code(info, session_->closed() ? -EBADF : session_->ConnectPair());
  }

  // drop(): what was in flight is answered before it returns
  Napi::Value Drop(const Napi::CallbackInfo& info) {
    session_->Drop();
    Deliver(info.Env());
    return info.Env().Undefined();
  }

  // close() -> whether onGone will be called; what was in flight is answered before it returns
  Napi::Value Close(const Napi::CallbackInfo& info) {
    const bool lingers = session_->Close();
    Deliver(info.Env());
    if (!lingers) Release();
    return Napi::Boolean::New(info.Env(), lingers);
  }

  // abandon(): onGone will not be called any more
  Napi::Value Abandon(const Napi::CallbackInfo& info) {
    session_->Abandon();
    Release();
    return info.Env().Undefined();
  }

  // get(call, path, watch) -> 0, or why there will be no reply
  Napi::Value Get(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->Get(info[0].ToNumber(), path.c_str(), info[2].ToBoolean()));
  }

  // exists(call, path, watch)
  Napi::Value Exists(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->Exists(info[0].ToNumber(), path.c_str(), info[2].ToBoolean()));
  }

  // children(call, path, watch)
  Napi::Value Children(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->Children(info[0].ToNumber(), path.c_str(), info[2].ToBoolean()));
  }

  // create(call, path, data, flags, ownerOnly)
  Napi::Value Create(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    const Bytes bytes(info[2]);
    return Code(info, session_->Create(info[0].ToNumber(), path.c_str(), bytes.data, bytes.size, info[3].ToNumber(),
                                       info[4].ToBoolean()));
  }

  // set(call, path, data, version)
  Napi::Value SetData(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    const Bytes bytes(info[2]);
    return Code(info, session_->Set(info[0].ToNumber(), path.c_str(), bytes.data, bytes.size, info[3].ToNumber()));
  }

  // delete(call, path, version)
  Napi::Value Delete(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->Delete(info[0].ToNumber(), path.c_str(), info[2].ToNumber()));
  }

  // sync(call, path)
  Napi::Value Sync(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->Sync(info[0].ToNumber(), path.c_str()));
  }

  // getAcl(call, path)
  Napi::Value GetAcl(const Napi::CallbackInfo& info) {
    const std::string path = info[1].ToString();
    return Code(info, session_->GetAcl(info[0].ToNumber(), path.c_str()));
  }

  // multi(call, [kind, path, data, version, flags, ownerOnly, kind, ...])
  Napi::Value Multi(const Napi::CallbackInfo& info) {
    const Napi::Array list = info[1].As<Napi::Array>();
    std::vector<Step> steps;
    for (uint32_t at = 0; at + 5 < list.Length(); at += 6) {
      const Bytes bytes(list.Get(at + 2));
      const int kind = list.Get(at).ToNumber().Int32Value();
      steps.push_back({static_cast<Step::Kind>(kind), list.Get(at + 1).ToString(), std::string(bytes.data, bytes.size),
                       list.Get(at + 3).ToNumber(), list.Get(at + 4).ToNumber(), list.Get(at + 5).ToBoolean()});
    }
    return Code(info, session_->Multi(info[0].ToNumber(), steps));
  }

  Napi::Value Id(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), HexId(session_->id())); }

  Napi::Value Password(const Napi::CallbackInfo& info) {
    std::string text;
    for (int i = 0; i < 16 && !session_->closed(); i++) {
      char hex[3];
      snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(session_->password()[i]));
      text += hex;
    }
    return Napi::String::New(info.Env(), text);
  }

  // What the server has granted.
  Napi::Value TimeoutMs(const Napi::CallbackInfo& info) { return Code(info, session_->timeout_ms()); }

  std::unique_ptr<Session> session_;
  Napi::FunctionReference on_news_;
  Napi::FunctionReference on_gone_;
  bool held_ = false;
};

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment;
  env.SetInstanceData(environment);
  // Runs before the objects go. Sessions that are open are closed on their servers, as far as that takes no waiting.
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        for (SessionObject* object : static_cast<Environment*>(data)->open) object->End();
      },
      environment);
  exports.Set("Session", SessionObject::Define(env));
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Initialize)

}  // namespace
}  // namespace zookeeper
}  // namespace rollcall
