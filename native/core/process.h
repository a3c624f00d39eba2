// Other processes, by what the kernel tells of them: what they cost, signals that reach no stranger, and datagrams.
// Linux has all of it; elsewhere signals are sent without a look at who gets them, and nothing is known of costs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace rollcall {

// One process, or one thread of it, as /proc/<pid>/stat has it.
struct ProcessStat {
  char state;            // R S D T t Z ...
  uint64_t cpu_ticks;    // user and system time, in ticks of TicksPerSecond()
  uint32_t threads;      // of the whole process
  uint64_t start_ticks;  // since boot; with the pid this names one process for ever
  uint64_t rss_bytes;    // of the whole process
};

// Whether there is no process of that pid in our pid namespace. That /proc has none is no proof: it may hide those of
// others, or not be there.
bool IsGone(uint32_t pid) noexcept;

// `thread` is the kernel's number of one of its threads; 0: the process as a whole. kGone: there is none.
// kSystem: there is one, of which nobody tells us.
Status ReadProcess(uint32_t pid, uint32_t thread, ProcessStat* out) noexcept;

uint32_t TicksPerSecond() noexcept;

// Sends a signal to the process of that pid that started then, and to no other that has its pid by now: kGone. A
// descriptor of the process is taken first, so that pid and signal are of one process. Start 0: unknown, not asked.
Status SignalProcess(uint32_t pid, uint64_t start_ticks, int signal) noexcept;

// Sends a datagram to a socket in the file system, or of the abstract kind where `path` begins with '@'.
Status SendDatagram(const char* path, const char* text, size_t bytes) noexcept;

}  // namespace rollcall
