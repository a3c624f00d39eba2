// Keeps the sockets of another native library out of our children.
//
// The ZooKeeper C client opens its sockets without FD_CLOEXEC, at moments of its own choosing
// (inside timer and poll callbacks of the event loop). A child that is spawned meanwhile inherits
// the socket and keeps the connection half alive. So this file looks, once before and once after
// each wait of the loop, for internet stream sockets that a child would inherit, and marks them.
//
//   off        nothing runs
//   searching  a connection is being made: every turn walks the descriptor table (about 20 us)
//   guarding   all are connected: every turn checks that the marked sockets are still the same
//              files (one fstat each); when one was replaced, it goes back to searching by itself
//
// Sockets that were inheritable before the first search (the process was started with them) and
// listening sockets are left alone.
//
// A second fault of the same library is mended here, since it takes the same knowledge. A request whose
// send fails closes the socket at once, and the binding, whose poll handle is active on it, does not
// hear of that. What follows when nobody interferes: libuv aborts the process, since epoll_ctl fails on
// the closed descriptor; or the next file that gets the number loses its events to that handle. So
// whoever sees such a request end calls reviveSockets() before anything else can run.

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <node_api.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <uv.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace rollcall {
namespace {

enum class Mode { kOff = 0, kSearching = 1, kGuarding = 2 };

struct Marked {
  int fd;
  ino_t inode;
};

bool IsInheritableStream(int fd) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0) return false;
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) != 0 || value != SOCK_STREAM) return false;
  size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0) return false;
  sockaddr_storage name{};
  size = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
  return name.ss_family == AF_INET || name.ss_family == AF_INET6;
}

std::vector<int> InheritableStreams() {
  std::vector<int> found;
#ifdef __linux__
  DIR* dir = opendir("/proc/self/fd");
#else
  DIR* dir = opendir("/dev/fd");
#endif
  if (dir == nullptr) return found;
  while (const dirent* entry = readdir(dir)) {
    const int fd = std::atoi(entry->d_name);
    if (fd > 2 && IsInheritableStream(fd)) found.push_back(fd);
  }
  closedir(dir);
  return found;
}

ino_t InodeOf(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

// One for each environment (thread); freed when the environment ends.
struct Guard {
  uv_prepare_t prepare{};
  uv_check_t check{};
  Mode mode = Mode::kOff;
  std::vector<Marked> ours;
  std::vector<Marked> inherited;
  int open_handles = 0;

  bool IsInherited(int fd) const {
    return std::any_of(inherited.begin(), inherited.end(),
                       [&](const Marked& one) { return one.fd == fd && one.inode == InodeOf(fd); });
  }

  uint32_t Sweep() {
    uint32_t count = 0;
    for (const int fd : InheritableStreams()) {
      if (IsInherited(fd)) continue;
      fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC);
      ours.push_back({fd, InodeOf(fd)});
      count++;
    }
    return count;
  }

  void Turn() {
    const auto gone = std::remove_if(ours.begin(), ours.end(),
                                     [](const Marked& one) { return InodeOf(one.fd) != one.inode; });
    if (gone != ours.end()) {
      ours.erase(gone, ours.end());
      mode = Mode::kSearching;
    }
    if (mode == Mode::kSearching) Sweep();
  }
};

void CloseGuard(Guard* guard) {
  const auto closed = [](uv_handle_t* handle) {
    auto* owner = static_cast<Guard*>(handle->data);
    if (--owner->open_handles == 0) delete owner;
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&guard->prepare), closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&guard->check), closed);
}

Guard* MakeGuard(napi_env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* guard = new Guard;
  guard->open_handles = 2;
  uv_prepare_init(loop, &guard->prepare);
  uv_check_init(loop, &guard->check);
  guard->prepare.data = guard;
  guard->check.data = guard;
  uv_unref(reinterpret_cast<uv_handle_t*>(&guard->prepare));
  uv_unref(reinterpret_cast<uv_handle_t*>(&guard->check));
  for (const int fd : InheritableStreams()) guard->inherited.push_back({fd, InodeOf(fd)});
  return guard;
}

Guard* GuardOf(napi_env env, napi_callback_info info) {
  void* slot = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &slot);
  auto** guard = static_cast<Guard**>(slot);
  if (*guard == nullptr) *guard = MakeGuard(env);
  return *guard;
}

// guardSockets(mode: 0 | 1 | 2): number of sockets marked just now. Nothing here keeps the loop alive.
napi_value GuardSockets(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  uint32_t mode = 0;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  if (argc < 1 || napi_get_value_uint32(env, argument, &mode) != napi_ok || mode > 2) {
    napi_throw_type_error(env, nullptr, "Expected a mode of 0, 1 or 2");
    return nullptr;
  }
  Guard* guard = GuardOf(env, info);
  if (guard == nullptr) {
    napi_throw_error(env, nullptr, "Cannot reach the event loop");
    return nullptr;
  }
  guard->mode = static_cast<Mode>(mode);
  uint32_t marked = 0;
  if (guard->mode == Mode::kOff) {
    guard->ours.clear();
    uv_prepare_stop(&guard->prepare);
    uv_check_stop(&guard->check);
  } else {
    marked = guard->Sweep();
    uv_prepare_start(&guard->prepare, [](uv_prepare_t* one) { static_cast<Guard*>(one->data)->Turn(); });
    uv_check_start(&guard->check, [](uv_check_t* one) { static_cast<Guard*>(one->data)->Turn(); });
  }
  napi_value result;
  napi_create_uint32(env, marked, &result);
  return result;
}

bool IsClosed(const Guard& guard, int fd) {
  if (fcntl(fd, F_GETFD) < 0) return true;
  // Its number may be another thread's already.
  return std::any_of(guard.ours.begin(), guard.ours.end(), [&](const Marked& one) {
    return one.fd == fd && one.inode != InodeOf(fd);
  });
}

std::vector<uv_poll_t*> ActivePolls(uv_loop_t* loop) {
  std::vector<uv_poll_t*> found;
  uv_walk(
      loop,
      [](uv_handle_t* handle, void* list) {
        if (handle->type != UV_POLL || !uv_is_active(handle) || uv_is_closing(handle)) return;
        static_cast<std::vector<uv_poll_t*>*>(list)->push_back(reinterpret_cast<uv_poll_t*>(handle));
      },
      &found);
  return found;
}

int FdOf(const uv_poll_t* poll) {
  uv_os_fd_t fd = -1;
  return uv_fileno(reinterpret_cast<const uv_handle_t*>(poll), &fd) == 0 ? fd : -1;
}

// Tells every poll handle whose socket was closed under it that something is wrong, as libuv does
// after an error: its owner opens the next socket. That one is shut down, and the one after it is
// good: the client still has the request that was cut off and would send the rest of it
// first, where a server might take what it carries for a request; a connection that fails makes
// the client throw its buffers away.
uint32_t Revive(const Guard& guard) {
  uint32_t count = 0;
  uv_loop_t* loop = guard.prepare.loop;
  for (uv_poll_t* poll : ActivePolls(loop)) {
    if (!IsClosed(guard, FdOf(poll))) continue;
    void* owner = poll->data;
    poll->poll_cb(poll, UV_EBADF, 0);
    for (uv_poll_t* next : ActivePolls(loop)) {
      if (next->data == owner) shutdown(FdOf(next), SHUT_RDWR);
    }
    count++;
  }
  return count;
}

// reviveSockets(): number of poll handles that had lost their socket.
napi_value ReviveSockets(napi_env env, napi_callback_info info) {
  const Guard* guard = GuardOf(env, info);
  napi_value result;
  napi_create_uint32(env, guard == nullptr ? 0 : Revive(*guard), &result);
  return result;
}

}  // namespace

// Adds `guardSockets` and `reviveSockets` to the addon's exports.
napi_value InitCloexec(napi_env env, napi_value exports) {
  auto** slot = new Guard*(nullptr);
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        auto** held = static_cast<Guard**>(data);
        if (*held != nullptr) CloseGuard(*held);
        delete held;
      },
      slot);
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, slot, &function);
    napi_set_named_property(env, exports, name, function);
  };
  add("guardSockets", GuardSockets);
  add("reviveSockets", ReviveSockets);
  return exports;
}

}  // namespace rollcall
