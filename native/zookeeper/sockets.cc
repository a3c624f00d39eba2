// What the ZooKeeper C client calls in place of the system's functions: see config.h. The session whose turn it is
// gives it the sockets and takes them back.

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "session.h"

using rollcall::zookeeper::Session;

extern "C" {

int rollcall_zookeeper_socket(int, int, int) { return Session::Current()->TakeSocket(); }

// The session has begun to connect it already.
int rollcall_zookeeper_connect(int, const sockaddr*, socklen_t) {
  const int error = Session::Current()->connect_errno();
  if (error == 0) return 0;
  errno = error;
  return -1;
}

int rollcall_zookeeper_close(int fd) {
  Session::Current()->Release(fd);
  return 0;
}

// Where a request cannot be sent the client closes the socket and keeps the rest of the request, for the next server to
// take it for the beginning of one. So a broken socket is a full one here: reading from it tells the truth, and there
// the client forgets what is half sent.
ssize_t rollcall_zookeeper_send(int fd, const void* bytes, size_t size, int flags) {
#ifdef MSG_MORE
  // The length of a message comes alone, right before the message: one packet for both.
  if (size == sizeof(int32_t)) flags |= MSG_MORE;
#endif
  const ssize_t sent = send(fd, bytes, size, flags);
  if (sent < 0) errno = EAGAIN;
  return sent;
}

// One address, which nobody connects to.
int rollcall_zookeeper_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo** out) {
  static sockaddr_in nowhere = [] {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = 1;
    return address;
  }();
  static addrinfo only = [] {
    addrinfo info{};
    info.ai_family = AF_INET;
    info.ai_socktype = SOCK_STREAM;
    info.ai_addrlen = sizeof nowhere;
    info.ai_addr = reinterpret_cast<sockaddr*>(&nowhere);
    return info;
  }();
  *out = &only;
  return 0;
}

void rollcall_zookeeper_freeaddrinfo(addrinfo*) {}

// The client waits only when it closes, and tries again as long as this says so; the session waits in its own way.
int rollcall_zookeeper_poll(pollfd* fds, nfds_t count, int) {
  const int ready = poll(fds, count, 0);
  return ready > 0 && (fds->revents & ~fds->events) == 0 ? ready : 0;
}

// Tells the requests of one connection apart. A connection belongs to one thread.
int32_t rollcall_zookeeper_get_xid() {
  static thread_local int32_t next = 0;
  next = next == INT32_MAX ? 1 : next + 1;
  return next;
}

}  // extern "C"
