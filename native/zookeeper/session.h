// One session of the ZooKeeper C client on a libuv loop.
//
// The client is given one invented address and no clock: which server is tried, when a connection is too slow and
// when the session counts as lost is decided in lib/queue/store/zookeeper/. What is left to the client is the
// protocol on a connection that it was handed.
//
//   no socket --Connect / ConnectPair--> connecting --> connected --(broken, or Drop)--> no socket
//   any --(expired, refused)--> ended        any --Close--> closed
//
// Everything happens on the thread of the loop. Whatever the client has to tell is kept in `news`; `wake` is called
// after a turn of the loop that brought some, never from inside a call of the owner.
#pragma once

#include <sys/socket.h>
#include <uv.h>
#include <zookeeper.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rollcall {
namespace zookeeper {

// What happened: the answer to a request, or something that nobody asked for.
struct News {
  enum Kind { kReply = 0, kState = 1, kWatch = 2 };

  News(Kind kind, uint32_t call, int code) : kind(kind), call(call), code(code) {}

  Kind kind;
  uint32_t call;  // kReply: which request; kState 0: the errno that ended the connection
  int code;       // kReply: 0 or an error; kState: the client's state, 0 without a socket; kWatch: what happened
  bool has_value = false;
  std::string value;  // kReply: the data; kWatch: the path
  bool has_stat = false;
  Stat stat{};
  bool has_names = false;
  std::vector<std::string> names;  // kReply: children, or the parts of each entry of an ACL
};

// A part of a transaction.
struct Step {
  enum Kind { kCreate = 0, kSet = 1, kDelete = 2, kCheck = 3 };

  Kind kind;
  std::string path;
  std::string data;
  int version;
  int flags;
  bool owner_only;
};

class Session {
 public:
  // `wake` is called with `owner`, on the thread of `loop`. `id` and `password` take over a session; id 0 begins one.
  // Returns nullptr when the client has no memory.
  static std::unique_ptr<Session> Open(uv_loop_t* loop, int timeout_ms, int64_t id, const char* password,
                                       void (*wake)(void* owner), void (*gone)(void* owner), void* owner);
  ~Session();

  // To be told to the server on each connection before anything else.
  void AddAuth(const std::string& scheme, const std::string& secret);

  // Begins a connection. Returns 0 or an errno.
  // REQUIRES: no socket, and the session has not ended.
  int Connect(const sockaddr* address, socklen_t size);
  // The same over a pair of sockets: returns the other end, or a negative errno.
  int ConnectPair();
  // Ends the connection; what is in flight is answered with a connection loss.
  void Drop();
  // Says goodbye. Returns whether the server's answer is waited for; `gone` is called when it came.
  bool Close();
  // Ends that wait.
  void Abandon();
  // From now on another one is told when the answer came.
  void Rehome(void (*gone)(void* owner), void* owner);

  // 0, or why the request was refused at once: then it has no reply.
  int Get(uint32_t call, const char* path, bool watch);
  int Exists(uint32_t call, const char* path, bool watch);
  int Children(uint32_t call, const char* path, bool watch);
  int Create(uint32_t call, const char* path, const char* data, size_t size, int flags, bool owner_only);
  int Set(uint32_t call, const char* path, const char* data, size_t size, int version);
  int Delete(uint32_t call, const char* path, int version);
  int Sync(uint32_t call, const char* path);
  int GetAcl(uint32_t call, const char* path);
  // All of it, or nothing.
  int Multi(uint32_t call, const std::vector<Step>& steps);

  int64_t id() const;
  const char* password() const;  // 16 bytes, any of which may be 0
  int timeout_ms() const { return negotiated_ms_; }
  bool closed() const { return client_ == nullptr; }

  std::vector<News> news;

  // For sockets.cc: the client's calls arrive there.
  static Session* Current();
  int TakeSocket();
  int connect_errno() const { return connect_errno_; }
  void Release(int fd);

 private:
  struct Poll;
  class Entered;
  friend struct Poll;

  Session(uv_loop_t* loop, int timeout_ms, void (*wake)(void*), void (*gone)(void*), void* owner);
  int Begin(int fd, int connect_errno);
  void Turn(int status, int events);
  void Linger();
  void Rearm();
  template <typename Call>
  int Send(uint32_t number, Call call);
  void DropPoll();
  static void OnEvent(zhandle_t* client, int type, int state, const char* path, void* context);

  uv_loop_t* const loop_;
  void (*const wake_)(void*);
  void (*gone_)(void*);
  void* owner_;
  const int wanted_ms_;
  int negotiated_ms_;
  zhandle_t* client_ = nullptr;
  Poll* poll_ = nullptr;
  int events_ = 0;           // what poll_ waits for
  int next_socket_ = -1;     // made by us, not yet taken by the client
  int connect_errno_ = 0;
  int lingering_ = -1;       // after Close: the socket on which the server's answer is awaited
  bool wants_answer_ = false;
};

}  // namespace zookeeper
}  // namespace rollcall
