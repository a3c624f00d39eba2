// Starting commands, and ending them whole. See supervisor.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/prctl.h>
#endif

#include "supervisor.h"

extern char** environ;

struct command* commands = NULL;
pid_t workers_group;

enum {
  kLeaveMs = 200,    // how long leftovers are left alone
  kAskMs = 1000,     // and how long after SIGTERM they are killed
  kDyingMs = 500,    // the same when the worker has died
  kGoneMs = 5000,    // how long the dead may take to go: one in a system call on a dead disk takes for ever
  kStepMs = 10,
  kMostChildren = 4096,
};

uint64_t NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#if !defined(__linux__)
static int CloseOnExec(int fd) {
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}
#endif

static int MakePipe(int ends[2]) {
#if defined(__linux__)
  return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
#else
  if (pipe(ends) != 0) return errno;
  CloseOnExec(ends[0]);
  CloseOnExec(ends[1]);
  return 0;
#endif
}

// A file without a name that holds the input: what a command does not read blocks nobody.
static int InputFile(const char* bytes, size_t count) {
#if defined(__linux__)
  const int fd = memfd_create("input", MFD_CLOEXEC);
#else
  char name[] = "/tmp/rollcall-input-XXXXXX";
  const int fd = CloseOnExec(mkstemp(name));
  if (fd >= 0) unlink(name);
#endif
  if (fd < 0) return -1;
  while (count > 0) {
    const ssize_t written = write(fd, bytes, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      const int why = errno;
      close(fd);
      errno = why;
      return -1;
    }
    bytes += written;
    count -= (size_t)written;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

// Our environment with `more` in front; of two of one name the first counts.
static char** Environment(const struct start* what) {
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char** all = malloc((count + what->envc + 1) * sizeof *all);
  if (all == NULL) return NULL;
  size_t used = 0;
  for (; used < what->envc; used++) all[used] = what->envp[used];
  for (size_t i = 0; i < count; i++) {
    int hidden = 0;
    for (size_t j = 0; j < what->envc && !hidden; j++) {
      const size_t name = strcspn(what->envp[j], "=") + 1;
      hidden = strncmp(environ[i], what->envp[j], name) == 0;
    }
    if (!hidden) all[used++] = environ[i];
  }
  all[used] = NULL;
  return all;
}

// In the child; it shares our memory, so it changes nothing but its own descriptors, signals and ids.
static void Become(const struct start* what, int input, const int output[2], int failure, pid_t supervisor) {
  if (what->group == kOwnSession) setsid();
  else setpgid(0, workers_group);
#if defined(__linux__)
  // Should somebody kill us, too. A child whose parent is gone already has to see for itself.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
#else
  (void)supervisor;
#endif
  if (input >= 0) dup2(input, STDIN_FILENO);
  for (int i = 0; i < 2; i++) {
    if (output[i] >= 0) dup2(output[i], STDOUT_FILENO + i);
  }
  for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execvp(what->argv[0], what->argv);
  const int why = errno;
  (void)!write(failure, &why, sizeof why);
  _exit(127);
}

// The errno that the child met before it became the command; 0: it became it.
static int FailureOf(int fd) {
  int why = 0;
  ssize_t got;
  do {
    got = read(fd, &why, sizeof why);
  } while (got < 0 && errno == EINTR);
  return got == (ssize_t)sizeof why ? why : 0;
}

static void CloseAll(int* fds, int count) {
  for (int i = 0; i < count; i++) {
    if (fds[i] >= 0) close(fds[i]);
  }
}

int StartCommand(const struct start* what, struct command** out, int* program_failed) {
  enum { kInput, kOurOut, kOurErr, kItsOut, kItsErr, kFailRead, kFailWrite, kCount };
  int fds[kCount] = {-1, -1, -1, -1, -1, -1, -1};
  int ends[2];
  int error = 0;
  *program_failed = 0;
  struct command* command = calloc(1, sizeof *command);
  char** environment = Environment(what);
  if (command == NULL || environment == NULL) error = ENOMEM;
  if (!error && what->input != kInheritInput) {
    fds[kInput] = what->input == kBytes ? InputFile(what->bytes, what->byte_count)
                                        : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fds[kInput] < 0) error = errno;
  }
  for (int i = 0; i < 2 && !error && what->output == kPipes; i++) {
    error = MakePipe(ends);
    if (error) break;
    fds[kOurOut + i] = ends[0];
    fds[kItsOut + i] = ends[1];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  if (!error) error = MakePipe(ends);
  if (!error) {
    fds[kFailRead] = ends[0];
    fds[kFailWrite] = ends[1];
    char** ours = environ;
    environ = environment;  // what execvp reads PATH from
    sigset_t all, before;
    sigfillset(&all);
    // No handler of ours may run in the child, whose memory is ours.
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t self = getpid();
#if defined(ROLLCALL_FORK)
    const pid_t pid = fork();  // sanitizers have a stack of their own to look after
#else
    const pid_t pid = vfork();
#endif
    if (pid == 0) Become(what, fds[kInput], fds + kItsOut, fds[kFailWrite], self);
    error = pid < 0 ? errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    environ = ours;
    if (!error) {
      close(fds[kFailWrite]);
      fds[kFailWrite] = -1;
      error = FailureOf(fds[kFailRead]);
      *program_failed = error != 0;
      command->pid = pid;
      if (error) waitpid(pid, NULL, 0);
    }
  }
  free(environment);
  if (error) {
    CloseAll(fds, kCount);
    free(command);
    return error;
  }
  command->id = what->id;
  command->keep_children = what->keep_children;
  command->group = what->group;
  command->output[0] = fds[kOurOut];
  command->output[1] = fds[kOurErr];
  fds[kOurOut] = fds[kOurErr] = -1;
  CloseAll(fds, kCount);
  command->next = commands;
  commands = command;
  *out = command;
  return 0;
}

void ForgetCommand(struct command* command) {
  struct command** at = &commands;
  while (*at != command) at = &(*at)->next;
  *at = command->next;
  CloseAll(command->output, 2);
  free(command);
}

void SignalCommand(const struct command* command, int signal) {
  if (command->group == kWorkersGroup) {
    if (!command->has_exited) kill(command->pid, signal);
    return;
  }
  kill(-command->pid, signal);
  // A stopped one hears of nothing else.
  if (signal == SIGTERM || signal == SIGHUP || signal == SIGINT) kill(-command->pid, SIGCONT);
}

void ReapChildren(void) {
  int status;
  pid_t pid;
  // Others than our commands are orphans of theirs, which Linux gives to us.
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (struct command* command = commands; command != NULL; command = command->next) {
      if (command->pid != pid || command->has_exited) continue;
      command->has_exited = 1;
      command->status = status;
      command->exited_ms = NowMs();
      break;
    }
  }
}

// Our children, the adopted ones included. -1 where the kernel does not tell.
static int Children(pid_t* pids, int most) {
#if defined(__linux__)
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE* file = fopen(path, "re");
  if (file == NULL) return -1;
  int count = 0;
  int pid;
  while (count < most && fscanf(file, "%d", &pid) == 1) pids[count++] = pid;
  fclose(file);
  return count;
#else
  (void)pids;
  (void)most;
  return -1;
#endif
}

// What is there of an exited command: its group and, where we adopt orphans, groups that its shell made in the
// same session. `signal` 0 only looks. A group's number is nobody else's while it has members, and who of them
// ends is our child, whose number stays taken until we have waited for it.
static int SignalLeftovers(const struct command* command, int signal) {
  if (command->group == kWorkersGroup) return 0;
  int found = kill(-command->pid, signal) == 0;
  static pid_t pids[kMostChildren];
  const int count = Children(pids, kMostChildren);
  for (int i = 0; i < count; i++) {
    if (getsid(pids[i]) != command->pid) continue;
    found = 1;
    if (signal != 0 && getpgid(pids[i]) != command->pid) kill(-getpgid(pids[i]), signal);
  }
  return found;
}

int PressLeftovers(struct command* command) {
  if (command->keep_children || !SignalLeftovers(command, 0)) return 0;
  const uint64_t since = NowMs() - command->exited_ms;
  if (command->rank == 0 && since >= kLeaveMs) {
    command->rank = 1;
    SignalLeftovers(command, SIGTERM);
    SignalLeftovers(command, SIGCONT);
  }
  if (since >= kLeaveMs + kAskMs) {
    SignalLeftovers(command, SIGKILL);
    if (since >= kLeaveMs + kAskMs + kGoneMs) return 0;
  }
  return 1;
}

static int AnythingRuns(void) {
  for (struct command* command = commands; command != NULL; command = command->next) {
    if (command->has_exited ? SignalLeftovers(command, 0) : 1) return 1;
  }
  return 0;
}

static int IsIn(pid_t pid, const pid_t* pids, int count) {
  for (int i = 0; i < count; i++) {
    if (pids[i] == pid) return 1;
  }
  return 0;
}

// Kills our children except those that earlier commands left to us on purpose. Returns whether there were any.
static int KillAdopted(const pid_t* spared, int spared_count) {
  static pid_t pids[kMostChildren];
  const int count = Children(pids, kMostChildren);
  int found = 0;
  for (int i = 0; i < count; i++) {
    if (IsIn(pids[i], spared, spared_count)) continue;
    found = 1;
    kill(pids[i], SIGKILL);
  }
  return found;
}

void EndAll(void) {
  static pid_t spared[kMostChildren];
  int spared_count = 0;
  const int before = Children(spared, kMostChildren);
  for (int i = 0; i < before; i++) {
    int is_ours = 0;
    for (struct command* command = commands; command != NULL; command = command->next) {
      is_ours |= command->pid == spared[i] || getsid(spared[i]) == command->pid;
    }
    if (!is_ours) spared[spared_count++] = spared[i];
  }
  for (struct command* command = commands; command != NULL; command = command->next) {
    // Nobody reads any more; whoever writes while it cleans up must not wait for that.
    CloseAll(command->output, 2);
    command->output[0] = command->output[1] = -1;
    SignalCommand(command, SIGTERM);
  }
  const uint64_t start = NowMs();
  for (;;) {
    ReapChildren();
    const uint64_t since = NowMs() - start;
    int left = AnythingRuns();
    if (since >= kDyingMs || !left) {
      for (struct command* command = commands; command != NULL; command = command->next) {
        if (!command->has_exited) SignalCommand(command, SIGKILL);
        else SignalLeftovers(command, SIGKILL);
      }
      // Whoever left its group was the child of one of those, and is ours now.
      left |= KillAdopted(spared, spared_count);
    }
    if (!left || since >= kDyingMs + kGoneMs) return;
    poll(NULL, 0, kStepMs);
  }
}
