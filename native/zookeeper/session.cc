#include "session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern "C" {
#include <proto.h>
#include <zk_adaptor.h>
}

namespace rollcall {
namespace zookeeper {
namespace {

// So long that the client's own clock never does anything. A third of it times two still fits an int.
constexpr int kNever = 600000000;
// Messages of one turn of the loop, so that others get theirs.
constexpr int kMaxMessages = 256;

int NewSocket(int family) {
#ifdef SOCK_CLOEXEC
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  // Without flags at birth: a child that another thread spawns in between inherits it.
  const int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK | fcntl(fd, F_GETFL, 0));
  return fd;
#endif
}

int NewPair(int ends[2]) {
#ifdef SOCK_CLOEXEC
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
#else
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    fcntl(ends[i], F_SETFL, O_NONBLOCK | fcntl(ends[i], F_GETFL, 0));
  }
  return 0;
#endif
}

// Reads what has come and returns whether more may come.
bool Drain(int fd) {
  char scratch[4096];
  for (;;) {
    const ssize_t size = recv(fd, scratch, sizeof scratch, 0);
    if (size > 0 || (size < 0 && errno == EINTR)) continue;
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

// With unread bytes in its buffer a socket that is closed resets the connection, and what was sent last might not
// be read by the other side.
void CloseSocket(int fd) {
  shutdown(fd, SHUT_WR);
  Drain(fd);
  close(fd);
}

const ACL_vector* AclOf(bool owner_only) { return owner_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE; }

// A request on its way. The client gives it back with the answer, always and once.
struct Request {
  Session* session;
  uint32_t call;
};

News& Answer(const void* data, int code) {
  const std::unique_ptr<const Request> request(static_cast<const Request*>(data));
  std::vector<News>& news = request->session->news;
  news.emplace_back(News::kReply, request->call, code);
  return news.back();
}

void OnVoid(int code, const void* data) { Answer(data, code); }

void OnString(int code, const char*, const void* data) { Answer(data, code); }

void OnStat(int code, const Stat* stat, const void* data) {
  News& answer = Answer(data, code);
  if (stat == nullptr) return;
  answer.has_stat = true;
  answer.stat = *stat;
}

void OnData(int code, const char* bytes, int size, const Stat* stat, const void* data) {
  News& answer = Answer(data, code);
  if (stat == nullptr) return;
  answer.has_value = answer.has_stat = true;
  answer.stat = *stat;
  if (size > 0) answer.value.assign(bytes, static_cast<size_t>(size));
}

void OnNames(int code, const String_vector* names, const void* data) {
  News& answer = Answer(data, code);
  if (names == nullptr) return;
  answer.has_names = true;
  answer.names.assign(names->data, names->data + names->count);
}

void OnAcl(int code, ACL_vector* acl, Stat* stat, const void* data) {
  News& answer = Answer(data, code);
  if (acl == nullptr || stat == nullptr) return;
  answer.has_names = answer.has_stat = true;
  answer.stat = *stat;
  for (int i = 0; i < acl->count; i++) {
    const ACL& entry = acl->data[i];
    answer.names.insert(answer.names.end(), {std::to_string(entry.perms), entry.id.scheme, entry.id.id});
  }
}

// A transaction on its way, with room for the answers of its parts.
struct Transaction {
  Request* request;
  std::vector<zoo_op_result_t> results;
  std::vector<Stat> stats;
  char path[1] = {0};  // the names of what was created are known
};

void OnMulti(int code, const void* data) {
  const std::unique_ptr<const Transaction> done(static_cast<const Transaction*>(data));
  News& answer = Answer(done->request, code);
  answer.has_names = true;  // the code of each part, and the version of what it wrote
  for (const zoo_op_result_t& result : done->results) {
    answer.names.push_back(std::to_string(result.err));
    answer.names.push_back(std::to_string(result.stat == nullptr ? 0 : result.stat->version));
  }
}

void OnAuth(int, const void*) {}  // a refusal ends the session, which is told

}  // namespace

// A libuv handle outlives the socket it was for by a turn of the loop.
struct Session::Poll {
  uv_poll_t handle;
  Session* session;

  static Poll* Start(Session* session, int fd) {
    auto* poll = new Poll{{}, session};
    if (uv_poll_init(session->loop_, &poll->handle, fd) != 0) {
      delete poll;
      return nullptr;
    }
    poll->handle.data = poll;
    return poll;
  }

  void Stop() {
    session = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* one) { delete static_cast<Poll*>(one->data); });
  }

  static void OnReady(uv_poll_t* handle, int status, int events) {
    Session* session = static_cast<Poll*>(handle->data)->session;
    if (session->lingering_ >= 0) return session->Linger();
    session->Turn(status, events);
  }
};

namespace {

thread_local Session* current = nullptr;

}  // namespace

// While the client runs, its calls for sockets are for this session.
class Session::Entered {
 public:
  explicit Entered(Session* session) : before_(current) { current = session; }
  ~Entered() { current = before_; }

 private:
  Session* const before_;
};

Session* Session::Current() { return current; }

Session::Session(uv_loop_t* loop, int timeout_ms, void (*wake)(void*), void (*gone)(void*), void* owner)
    : loop_(loop), wake_(wake), gone_(gone), owner_(owner), wanted_ms_(timeout_ms), negotiated_ms_(timeout_ms) {}

Session::~Session() {
  Abandon();
  if (client_ == nullptr) return;
  const Entered entered(this);
  zookeeper_close(client_);
  client_ = nullptr;
}

std::unique_ptr<Session> Session::Open(uv_loop_t* loop, int timeout_ms, int64_t id, const char* password,
                                       void (*wake)(void*), void (*gone)(void*), void* owner) {
  // Both are the same for all sessions of the process.
  static const bool quiet = [] {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    zoo_deterministic_conn_order(1);
    return true;
  }();
  (void)quiet;
  std::unique_ptr<Session> session(new Session(loop, timeout_ms, wake, gone, owner));
  clientid_t known{};
  known.client_id = id;
  if (password != nullptr) memcpy(known.passwd, password, sizeof known.passwd);
  const Entered entered(session.get());
  session->client_ = zookeeper_init("127.0.0.1:1", OnEvent, timeout_ms, id == 0 ? nullptr : &known, session.get(),
                                    ZOO_NO_LOG_CLIENTENV);
  if (session->client_ == nullptr) return nullptr;
  zoo_set_servers_resolution_delay(session->client_, -1);
  return session;
}

void Session::AddAuth(const std::string& scheme, const std::string& secret) {
  zoo_add_auth(client_, scheme.c_str(), secret.data(), static_cast<int>(secret.size()), OnAuth, nullptr);
}

int64_t Session::id() const { return client_ == nullptr ? 0 : zoo_client_id(client_)->client_id; }

const char* Session::password() const { return zoo_client_id(client_)->passwd; }

int Session::Connect(const sockaddr* address, socklen_t size) {
  const int fd = NewSocket(address->sa_family);
  if (fd < 0) return errno;
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  int error = 0;
  if (connect(fd, address, size) != 0) error = errno;
  if (error != 0 && error != EINPROGRESS) {
    close(fd);
    return error;
  }
  return Begin(fd, error);
}

int Session::ConnectPair() {
  int ends[2];
  if (NewPair(ends) != 0) return -errno;
  const int error = Begin(ends[0], 0);
  if (error == 0) return ends[1];
  close(ends[1]);
  return -error;
}

int Session::Begin(int fd, int connect_errno) {
  poll_ = Poll::Start(this, fd);
  if (poll_ == nullptr) {
    close(fd);
    return ENOMEM;
  }
  events_ = 0;
  next_socket_ = fd;
  connect_errno_ = connect_errno;
  client_->recv_timeout = wanted_ms_;  // what the server is asked for
  client_->delay = 0;                  // the pause after a failure is ours too
  Rearm();
  if (client_->fd->sock == fd) return 0;
  if (next_socket_ >= 0) Release(TakeSocket());
  // Told by what we return.
  news.erase(std::remove_if(news.begin(), news.end(), [](const News& one) { return one.kind == News::kState; }),
             news.end());
  return ECONNRESET;
}

int Session::TakeSocket() {
  const int fd = next_socket_;
  next_socket_ = -1;
  if (fd < 0) errno = EMFILE;
  return fd;
}

// The client is done with its socket: before it goes, nothing may wait on it.
void Session::Release(int fd) {
  if (wants_answer_ && poll_ != nullptr) {
    wants_answer_ = false;
    lingering_ = fd;
    uv_poll_start(&poll_->handle, UV_READABLE, Poll::OnReady);
    return;
  }
  const auto why = static_cast<uint32_t>(errno);
  DropPoll();
  CloseSocket(fd);
  if (client_ == nullptr || client_->close_requested != 0 || client_->state < 0) return;
  news.emplace_back(News::kState, why, 0);
}

void Session::DropPoll() {
  if (poll_ != nullptr) poll_->Stop();
  poll_ = nullptr;
}

void Session::OnEvent(zhandle_t* client, int type, int state, const char* path, void* context) {
  auto* session = static_cast<Session*>(context);
  if (type == ZOO_SESSION_EVENT) {
    if (state == ZOO_CONNECTED_STATE) {
      session->negotiated_ms_ = client->recv_timeout;
      client->recv_timeout = kNever;
    } else if (state >= 0) {
      return;  // the end of a connection is told with its socket
    }
    session->news.emplace_back(News::kState, 0, state);
  } else {
    session->news.emplace_back(News::kWatch, 0, type);
    if (path != nullptr) session->news.back().value = path;
  }
}

// Waits for what the client waits for.
void Session::Rearm() {
  if (client_ == nullptr || poll_ == nullptr) return;
  const Entered entered(this);
  int fd = -1, interest = 0;
  timeval left;
  if (zookeeper_interest(client_, &fd, &interest, &left) != ZOK || poll_ == nullptr) return;
  const int events = ((interest & ZOOKEEPER_READ) != 0 ? UV_READABLE : 0) |
                     ((interest & ZOOKEEPER_WRITE) != 0 ? UV_WRITABLE : 0);
  if (events == events_) return;
  events_ = events;
  uv_poll_start(&poll_->handle, events, Poll::OnReady);
}

void Session::Turn(int status, int ready) {
  {
    const Entered entered(this);
    int events = ((ready & UV_READABLE) != 0 ? ZOOKEEPER_READ : 0) | ((ready & UV_WRITABLE) != 0 ? ZOOKEEPER_WRITE : 0);
    if (status < 0) events = ZOOKEEPER_READ | ZOOKEEPER_WRITE;  // it finds the error itself
    for (int i = 0; i < kMaxMessages && poll_ != nullptr; i++) {
      if (zookeeper_process(client_, events) != ZOK) break;
      events = ZOOKEEPER_READ;
    }
  }
  Rearm();
  if (!news.empty()) wake_(owner_);
}

void Session::Drop() {
  if (client_ == nullptr || poll_ == nullptr) return;
  const Entered entered(this);
  shutdown(client_->fd->sock, SHUT_RDWR);
  // What has come already is taken in first; then comes the end.
  while (poll_ != nullptr) {
    const int code = zookeeper_process(client_, ZOOKEEPER_READ | ZOOKEEPER_WRITE);
    if (code == ZINVALIDSTATE) break;
  }
}

bool Session::Close() {
  if (client_ == nullptr) return false;
  wants_answer_ = client_->state == ZOO_CONNECTED_STATE;
  {
    const Entered entered(this);
    zookeeper_close(client_);
  }
  client_ = nullptr;
  wants_answer_ = false;
  return lingering_ >= 0;
}

// The server ends the connection once it has closed the session.
void Session::Linger() {
  if (Drain(lingering_)) return;
  Abandon();
  gone_(owner_);
}

void Session::Rehome(void (*gone)(void*), void* owner) {
  gone_ = gone;
  owner_ = owner;
}

void Session::Abandon() {
  if (lingering_ < 0) return;
  DropPoll();
  CloseSocket(lingering_);
  lingering_ = -1;
}

template <typename Call>
int Session::Send(uint32_t number, Call call) {
  if (client_ == nullptr) return ZINVALIDSTATE;
  const Entered entered(this);
  auto request = std::make_unique<Request>(Request{this, number});
  const int code = call(request.get());
  if (code == ZOK) request.release();  // comes back with the answer
  Rearm();
  return code;
}

int Session::Get(uint32_t call, const char* path, bool watch) {
  return Send(call, [&](Request* request) { return zoo_aget(client_, path, watch, OnData, request); });
}

int Session::Exists(uint32_t call, const char* path, bool watch) {
  return Send(call, [&](Request* request) { return zoo_aexists(client_, path, watch, OnStat, request); });
}

int Session::Children(uint32_t call, const char* path, bool watch) {
  return Send(call, [&](Request* request) { return zoo_aget_children(client_, path, watch, OnNames, request); });
}

int Session::Create(uint32_t call, const char* path, const char* data, size_t size, int flags, bool owner_only) {
  return Send(call, [&](Request* request) {
    return zoo_acreate(client_, path, data, static_cast<int>(size), AclOf(owner_only), flags, OnString, request);
  });
}

int Session::Set(uint32_t call, const char* path, const char* data, size_t size, int version) {
  return Send(call, [&](Request* request) {
    return zoo_aset(client_, path, data, static_cast<int>(size), version, OnStat, request);
  });
}

int Session::Delete(uint32_t call, const char* path, int version) {
  return Send(call, [&](Request* request) { return zoo_adelete(client_, path, version, OnVoid, request); });
}

int Session::Sync(uint32_t call, const char* path) {
  return Send(call, [&](Request* request) { return zoo_async(client_, path, OnString, request); });
}

int Session::GetAcl(uint32_t call, const char* path) {
  return Send(call, [&](Request* request) { return zoo_aget_acl(client_, path, OnAcl, request); });
}

int Session::Multi(uint32_t call, const std::vector<Step>& steps) {
  const auto count = static_cast<int>(steps.size());
  auto transaction = std::make_unique<Transaction>();
  transaction->results.resize(steps.size());
  transaction->stats.resize(steps.size());
  std::vector<zoo_op_t> ops(steps.size());
  for (size_t i = 0; i < steps.size(); i++) {
    const Step& step = steps[i];
    const char* path = step.path.c_str();
    const auto size = static_cast<int>(step.data.size());
    switch (step.kind) {
      case Step::kCreate:
        zoo_create_op_init(&ops[i], path, step.data.data(), size, AclOf(step.owner_only), step.flags, transaction->path,
                           sizeof transaction->path);
        break;
      case Step::kSet:
        zoo_set_op_init(&ops[i], path, step.data.data(), size, step.version, &transaction->stats[i]);
        break;
      case Step::kDelete:
        zoo_delete_op_init(&ops[i], path, step.version);
        break;
      case Step::kCheck:
        zoo_check_op_init(&ops[i], path, step.version);
        break;
    }
  }
  const int code = Send(call, [&](Request* request) {
    transaction->request = request;
    return zoo_amulti(client_, count, ops.data(), transaction->results.data(), OnMulti, transaction.get());
  });
  if (code == ZOK) transaction.release();
  return code;
}

}  // namespace zookeeper
}  // namespace rollcall
