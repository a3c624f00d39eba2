// What a core call reports instead of an exception: one code, and where a system call failed,
// its name and errno. Turning it into words is the caller's business.
#pragma once

#include <cerrno>

namespace rollcall {

enum class Code : int {
  kOk = 0,
  kNotABoard,         // no header of ours: wrong magic, too short, not a regular file
  kVersion,           // a layout or a feature that this build does not know
  kEndian,            // written by a machine of the other byte order
  kCorruptHeader,     // ours, but its checksum or its geometry is wrong
  kInsecurePath,      // the name is a symbolic link
  kUnsupportedFs,     // a network file system
  kLocksUnsupported,  // no open-file-description locks here
  kNoSpace,           // the disk, the quota or the file size limit is reached
  kBoardFull,         // every slot belongs to a living worker
  kIdInUse,           // a living worker has this id
  kBusy,              // somebody else is claiming or cleaning right now
  kReplaced,          // the name leads to another file by now, or to none
  kExists,            // somebody else created the board first
  kInUse,             // a lock on the file is held
  kGone,              // there is nothing of that description (any more)
  kTooLong,           // does not fit into the slot
  kNotClaimed,        // this handle has no slot
  kClosed,            // this handle is closed
  kSystem,            // a system call failed: see syscall and error
};

struct [[nodiscard]] Status {
  Code code = Code::kOk;
  const char* syscall = nullptr;
  int error = 0;

  bool ok() const { return code == Code::kOk; }
  static Status Ok() { return {}; }
  static Status Of(Code code) { return {code, nullptr, 0}; }
  // The last system call failed; `errno` says why.
  static Status System(const char* syscall) { return {Code::kSystem, syscall, errno}; }
};

}  // namespace rollcall
