// rollcall-supervisor: starts the commands of one `rollcall work` or `rollcall run`, waits for them, and ends
// them when that process is gone. It stands between for two reasons: a small process starts another several
// times as fast as Node does, and the kernel closes our pipe however our worker died, SIGKILL included.
//
// Descriptor 3 is a socket to the worker. Both ways go frames: u32 length of what follows, u8 type, payload;
// numbers in this machine's order. Its argument: for how many milliseconds 's' may wait to go with what follows.
//
//   worker to us   'S' u32 id, u8 input, u8 output, u8 group, u8 keep, u32 argc, u32 envc, u32 input bytes;
//                      argc + envc strings, each ended by NUL; the input's bytes
//                  'K' u32 id, u32 signal            to the whole group
//                  'G' path NUL                      hold that file's lock until 'U' or until all commands are gone
//                  'U' path NUL
//   us to worker   's' u32 id, u32 pid               started
//                  'f' u32 id, u32 errno, u8 where   not started: 'x' the program itself, 's' this machine
//                  'o' u32 id, u8 1 or 2, bytes      output
//                  'x' u32 id, u8 code, u8 signal, u8 whether nobody reads our standard output any more
//                  'g' u32 errno                     what came of 'G'
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum input { kNoInput = 0, kInheritInput = 1, kBytes = 2 };
enum output { kInheritOutput = 0, kPipes = 1 };
// A session of its own, or (a command in the foreground of a terminal) the group of our worker.
enum group { kOwnSession = 0, kWorkersGroup = 1 };

// A command from its start until nothing of it is left.
struct command {
  uint32_t id;
  pid_t pid;
  int keep_children;
  int group;
  int output[2];  // what we read its standard output and error from; -1: closed, or not ours
  int has_exited;
  int status;           // as waitpid gives it, once it has exited
  uint64_t exited_ms;   // by the monotonic clock
  int rank;             // how far what it left behind has been pressed: see PressLeftovers
  struct command* next;
};

struct start {
  uint32_t id;
  int input, output, group, keep_children;
  char** argv;
  char** envp;  // added to our own environment
  size_t envc;
  const char* bytes;
  size_t byte_count;
};

extern struct command* commands;
// Of the process that started us.
extern pid_t workers_group;

uint64_t NowMs(void);

// Starts a command. 0, or an errno; `*program_failed`: it was the program that could not be executed.
int StartCommand(const struct start* what, struct command** out, int* program_failed);

// Takes the command out of the list and frees it.
void ForgetCommand(struct command* command);

// Sends a signal to all of a command.
void SignalCommand(const struct command* command, int signal);

// Takes note of every child that has ended.
void ReapChildren(void);

// Ends what an exited command left behind, step by step: left alone for a while (the last process of a pipe may
// have to write a file yet), then asked, then killed. Returns whether anything of it is still there.
int PressLeftovers(struct command* command);

// Ends everything that runs, within a second: asked first, then killed, with all their descendants where the
// kernel tells us who they are (Linux).
void EndAll(void);
