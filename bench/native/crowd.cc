// Many living workers that cost little: each is a process of its own with a slot of its own, but
// without a JavaScript engine inside, so that thousands fit into one machine.
//
//   crowd BOARD_FILE COUNT [MOVING]
//
// Prints "ready" when all have published 64 bytes. The first MOVING of them go on to publish
// about a thousand times a second. All end when standard input does.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "board.h"

namespace {

constexpr uint32_t kStatusBytes = 64;

[[noreturn]] void Fail(const char* what, const rollcall::Status& status) {
  fprintf(stderr, "crowd: %s: code %d, %s\n", what, static_cast<int>(status.code),
          status.syscall != nullptr ? strerror(status.error) : "");
  _exit(1);
}

bool Publish(rollcall::Board& board, int number, unsigned round) {
  char text[kStatusBytes + 1];
  const int length = snprintf(text, sizeof text, "worker %d round %u GET /some/path/that/is/long/enough ", number, round);
  memset(text + length, '.', kStatusBytes - static_cast<uint32_t>(length));
  memcpy(board.staging(), text, kStatusBytes);
  return board.Publish(rollcall::RecordKind::kInline, rollcall::Encoding::kAscii, kStatusBytes).ok();
}

[[noreturn]] void Work(const char* path, int number, bool moves, int tell) {
  rollcall::Board board;
  rollcall::Status status = board.file().Open(path, false, true);
  if (!status.ok()) Fail("open", status);
  board.Ready();
  const std::string id = "worker-" + std::to_string(number);
  rollcall::Claimed claimed;
  status = board.TryClaim(id.data(), static_cast<uint32_t>(id.size()), 0, &claimed);
  if (!status.ok()) Fail("claim", status);
  if (!Publish(board, number, 0)) Fail("publish", {});
  if (write(tell, "!", 1) != 1) _exit(1);
  close(tell);
  for (unsigned round = 1; moves; round++) {
    const timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, nullptr);
    if (!Publish(board, number, round)) _exit(1);
  }
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: crowd BOARD_FILE COUNT [MOVING]\n");
    return 64;
  }
  const int count = atoi(argv[2]);
  const int moving = argc > 3 ? atoi(argv[3]) : 0;
  const pid_t parent = getpid();
  std::vector<pid_t> workers;
  bool complete = true;
  for (int number = 0; number < count && complete; number++) {
    int tell[2];
    if (pipe2(tell, O_CLOEXEC) != 0) return 1;
    const pid_t pid = fork();
    if (pid < 0) {
      perror("crowd: fork");
      complete = false;
    } else if (pid == 0) {
      // They end with us, however we end.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      signal(SIGINT, SIG_IGN);
      close(tell[0]);
      Work(argv[1], number, number < moving, tell[1]);
    } else {
      workers.push_back(pid);
    }
    close(tell[1]);
    // One after the other: claims stand in line for one lock anyway.
    char byte;
    if (complete && read(tell[0], &byte, 1) != 1) complete = false;
    close(tell[0]);
  }
  if (complete) {
    printf("ready\n");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  }
  // One after the other: thousands that end at once would keep everybody else from the cores.
  for (const pid_t pid : workers) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return complete ? 0 : 1;
}
