// The loop: frames from the worker in, output and ends of commands out. See supervisor.h.
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#if defined(__APPLE__) && !defined(F_OFD_SETLK)
// Darwin has had these commands since 10.15 and shows them only to itself.
#define F_OFD_SETLK 90
#endif

enum {
  kWorker = 3,
  kChunk = 64 * 1024,
  kMostHeld = 256 * 1024,          // of output that the worker has not taken; then commands wait
  kMostFrame = 64 * 1024 * 1024,
  kStartHeader = 20,
  kGuardByte = 1,                  // kCreateByte of native/core/file_lock.h
  kLookMs = 20,                    // between two looks at what a command left behind
};

struct buffer {
  char* bytes;
  size_t begin, end, capacity;
};

struct guard {
  int fd;
  struct guard* next;
  char path[];
};

static struct buffer in, out;
static struct guard* guards;
static int wake[2];  // a pipe to ourselves: a child has ended
static int hold_ms;  // how long the word that a command has started may wait for more to say
static int hurry;    // there is something in `out` that the worker waits for

static void Die(void) {
  EndAll();
  // What is locked is free once we are gone, and of no use to anybody.
  for (struct guard* guard = guards; guard != NULL; guard = guard->next) unlink(guard->path);
  _exit(0);
}

static void Reserve(struct buffer* buffer, size_t more) {
  if (buffer->begin == buffer->end) buffer->begin = buffer->end = 0;
  if (buffer->end + more <= buffer->capacity) return;
  if (buffer->begin > 0) {
    memmove(buffer->bytes, buffer->bytes + buffer->begin, buffer->end - buffer->begin);
    buffer->end -= buffer->begin;
    buffer->begin = 0;
  }
  if (buffer->end + more <= buffer->capacity) return;
  const size_t capacity = (buffer->end + more) * 2;
  char* bytes = realloc(buffer->bytes, capacity);
  if (bytes == NULL) Die();
  buffer->bytes = bytes;
  buffer->capacity = capacity;
}

static void Put(const void* bytes, size_t count) {
  if (count == 0) return;
  Reserve(&out, count);
  memcpy(out.bytes + out.end, bytes, count);
  out.end += count;
}

static void PutNumber(uint32_t number) { Put(&number, sizeof number); }

static void BeginFrame(char type, uint32_t payload) {
  // Most commands that are over at once need no message of their own to say that they have begun.
  if (type != 's' || hold_ms == 0) hurry = 1;
  PutNumber(payload + 1);
  Put(&type, 1);
}

static uint32_t NumberAt(const char* bytes) {
  uint32_t number;
  memcpy(&number, bytes, sizeof number);
  return number;
}

static void Flush(void) {
  while (out.begin < out.end) {
    const ssize_t sent = write(kWorker, out.bytes + out.begin, out.end - out.begin);
    if (sent > 0) {
      out.begin += (size_t)sent;
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    } else {
      Die();
    }
  }
  hurry = 0;
}

// Takes strings ended by NUL out of [at, end). NULL: there are not as many.
static const char* Strings(const char* at, const char* end, char** into, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char* nul = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
    if (nul == NULL) return NULL;
    into[i] = (char*)at;
    at = nul + 1;
  }
  into[count] = NULL;
  return at;
}

static void PutFailure(uint32_t id, int error, int program_failed) {
  BeginFrame('f', 9);
  PutNumber(id);
  PutNumber((uint32_t)error);
  Put(program_failed ? "x" : "s", 1);
}

static void OnStart(const char* payload, size_t size) {
  if (size < kStartHeader) Die();
  struct start what = {.id = NumberAt(payload), .input = payload[4], .output = payload[5], .group = payload[6],
                       .keep_children = payload[7]};
  const size_t argc = NumberAt(payload + 8);
  what.envc = NumberAt(payload + 12);
  what.byte_count = NumberAt(payload + 16);
  if (argc == 0 || argc > size || what.envc > size || what.byte_count > size) Die();
  char** strings = malloc((argc + what.envc + 2) * sizeof *strings);
  if (strings == NULL) return PutFailure(what.id, ENOMEM, 0);
  what.argv = strings;
  what.envp = strings + argc + 1;
  const char* end = payload + size;
  const char* at = Strings(payload + kStartHeader, end, what.argv, argc);
  if (at != NULL) at = Strings(at, end, what.envp, what.envc);
  if (at == NULL || (size_t)(end - at) != what.byte_count) Die();
  what.bytes = at;
  struct command* command;
  int program_failed;
  const int error = StartCommand(&what, &command, &program_failed);
  free(strings);
  if (error) return PutFailure(what.id, error, program_failed);
  BeginFrame('s', 8);
  PutNumber(what.id);
  PutNumber((uint32_t)command->pid);
}

static void OnSignal(const char* payload, size_t size) {
  if (size != 8) Die();
  for (struct command* command = commands; command != NULL; command = command->next) {
    if (command->id == NumberAt(payload)) SignalCommand(command, (int)NumberAt(payload + 4));
  }
}

static int Lock(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = kGuardByte, .l_len = 1};
  if (fcntl(fd, F_OFD_SETLK, &range) == 0) return fd;
  const int why = errno;
  unlink(path);
  close(fd);
  errno = why;
  return -1;
}

static void OnGuard(const char* path, size_t size) {
  if (size < 2 || path[size - 1] != 0) Die();
  int error = 0;
  struct guard* guard = malloc(sizeof *guard + size);
  if (guard == NULL) {
    error = ENOMEM;
  } else if ((guard->fd = Lock(path)) < 0) {
    error = errno;
    free(guard);
  } else {
    memcpy(guard->path, path, size);
    guard->next = guards;
    guards = guard;
  }
  BeginFrame('g', 4);
  PutNumber((uint32_t)error);
}

static void OnUnguard(const char* path, size_t size) {
  if (size < 2 || path[size - 1] != 0) Die();
  for (struct guard** at = &guards; *at != NULL; at = &(*at)->next) {
    struct guard* guard = *at;
    if (strcmp(guard->path, path) != 0) continue;
    unlink(path);
    close(guard->fd);
    *at = guard->next;
    free(guard);
    return;
  }
}

static void OnFrame(const char* frame, size_t size) {
  const char* payload = frame + 1;
  switch (frame[0]) {
    case 'S': return OnStart(payload, size - 1);
    case 'K': return OnSignal(payload, size - 1);
    case 'G': return OnGuard(payload, size - 1);
    case 'U': return OnUnguard(payload, size - 1);
    default: Die();  // not our worker's language: better nothing runs than something else than was meant
  }
}

static void ReadWorker(void) {
  Reserve(&in, kChunk);
  const ssize_t got = read(kWorker, in.bytes + in.end, in.capacity - in.end);
  if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (got <= 0) Die();
  in.end += (size_t)got;
  while (in.end - in.begin >= 4) {
    const uint32_t size = NumberAt(in.bytes + in.begin);
    if (size == 0 || size > kMostFrame) Die();
    if (in.end - in.begin < 4 + (size_t)size) {
      Reserve(&in, 4 + (size_t)size - (in.end - in.begin));
      return;
    }
    OnFrame(in.bytes + in.begin + 4, size);
    in.begin += 4 + size;
  }
}

// Passes on what a command has written. Returns whether there may be more.
static int ReadOutput(struct command* command, int which) {
  static char chunk[kChunk];
  const int fd = command->output[which];
  const ssize_t got = read(fd, chunk, sizeof chunk);
  if (got < 0 && errno == EINTR) return 1;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  if (got <= 0) {
    close(fd);
    command->output[which] = -1;
    return 0;
  }
  BeginFrame('o', 5 + (uint32_t)got);
  PutNumber(command->id);
  const char number = (char)(which + 1);
  Put(&number, 1);
  Put(chunk, (size_t)got);
  return 1;
}

// Reads what is there now; false where the worker has too much to take already.
static int Drain(struct command* command, int which) {
  while (command->output[which] >= 0) {
    if (out.end - out.begin >= kMostHeld) return 0;
    if (!ReadOutput(command, which)) return 1;
  }
  return 1;
}

static int NobodyReads(void) {
  struct pollfd end = {.fd = STDOUT_FILENO};
  return poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

// Ends those commands of which nothing is left. Returns how soon to look again, in milliseconds; -1: no need.
static int ConcludeCommands(void) {
  int wait = -1;
  for (struct command *command = commands, *next; command != NULL; command = next) {
    next = command->next;
    if (!command->has_exited) continue;
    // Looked at first, so that what the last of it has written is in. A full socket to the worker keeps the
    // end waiting, as it keeps the output.
    const int left = PressLeftovers(command);
    int more = 0;
    for (int i = 0; i < 2 && !more; i++) more = !Drain(command, i);
    if (left) wait = kLookMs;
    if (left || more) continue;
    const int status = command->status;
    const char end[3] = {
        WIFEXITED(status) ? (char)WEXITSTATUS(status) : 0,
        WIFSIGNALED(status) ? (char)WTERMSIG(status) : 0,
        status != 0 && NobodyReads(),
    };
    BeginFrame('x', 4 + sizeof end);
    PutNumber(command->id);
    Put(end, sizeof end);
    ForgetCommand(command);
  }
  return wait;
}

static void OnChildEnded(int signal) {
  (void)signal;
  const int saved = errno;
  (void)!write(wake[1], "", 1);
  errno = saved;
}

static void Prepare(const char* hold) {
  hold_ms = hold == NULL ? 0 : atoi(hold);
  if (fcntl(kWorker, F_SETFD, FD_CLOEXEC) != 0 || pipe(wake) != 0) _exit(71);
  fcntl(kWorker, F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 2; i++) {
    fcntl(wake[i], F_SETFD, FD_CLOEXEC);
    fcntl(wake[i], F_SETFL, O_NONBLOCK);
  }
  // In a group of our own, so that what is sent to the worker's group leaves us to end its commands.
  workers_group = getpgrp();
  setpgid(0, 0);
  const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  struct sigaction action = {.sa_handler = OnChildEnded, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  sigaction(SIGCHLD, &action, NULL);
#if defined(__linux__)
  // Orphans of our commands become our children: we can tell when the last of a command is gone.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
}

int main(int argc, char** argv) {
  Prepare(argc > 1 ? argv[1] : NULL);
  struct pollfd* polled = NULL;
  size_t room = 0;
  for (;;) {
    ReapChildren();
    int wait = ConcludeCommands();
    if (hurry) Flush();
    const int holds = !hurry && out.begin < out.end;
    if (holds && (wait < 0 || wait > hold_ms)) wait = hold_ms;
    size_t count = 2;
    for (struct command* command = commands; command != NULL; command = command->next) count += 2;
    if (count > room) {
      room = count * 2;
      polled = realloc(polled, room * sizeof *polled);
      if (polled == NULL) Die();
    }
    polled[0] = (struct pollfd){.fd = kWorker, .events = POLLIN | (hurry ? POLLOUT : 0)};
    polled[1] = (struct pollfd){.fd = wake[0], .events = POLLIN};
    const int takes = out.end - out.begin < kMostHeld;
    size_t used = 2;
    for (struct command* command = commands; command != NULL; command = command->next) {
      for (int i = 0; i < 2; i++) polled[used++] = (struct pollfd){.fd = takes ? command->output[i] : -1, .events = POLLIN};
    }
    const int ready = poll(polled, used, wait);
    if (ready == 0 && holds) hurry = 1;
    if (ready <= 0) continue;
    char rings[64];
    if (polled[1].revents) while (read(wake[0], rings, sizeof rings) > 0) continue;
    used = 2;
    for (struct command* command = commands; command != NULL; command = command->next) {
      for (int i = 0; i < 2; i++, used++) {
        if (polled[used].revents && command->output[i] >= 0) ReadOutput(command, i);
      }
    }
    // Last: it may start commands, of which `polled` does not know.
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) ReadWorker();
  }
}
