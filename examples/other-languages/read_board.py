#!/usr/bin/env python3
"""Lists the workers of a rollcall board, the living and the dead, as one JSON object a line.

Written from docs/FORMAT.md alone, with nothing but Python's standard library; Linux. The sections named
below are those of that document. Nothing in the file is trusted: a slot that makes no sense is an entry
with an error.

    python3 read_board.py DIRECTORY
"""

import base64
import fcntl
import json
import os
import struct
import stat
import sys

F_OFD_GETLK = 36
TRIES = 10000
ENDINGS = {1: "exited {}", 2: "signal {}", 3: "terminated"}


def up(value, unit):
    return (value + unit - 1) // unit * unit


def table():
    entries = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        entries.append(byte)
    return entries


TABLE = table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Board:
    """Section 1: the header, checked from a private copy, and the offsets that follow from it."""

    def __init__(self, directory):
        self.directory = directory
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self.fd = os.open(os.path.join(directory, "board"), flags)
        info = os.fstat(self.fd)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError("not a regular file")
        head = os.pread(self.fd, 256, 0)
        if len(head) < 8 or head[:8] != struct.pack("=Q", 0x6C6C61636C6C6F72):
            raise ValueError("no board of this byte order")
        if len(head) < 256:
            raise ValueError("the header is cut")
        (_, major, _, header, incompatible, _, slots, stride, inline, shared, counters, shareds, _, size) = struct.unpack(
            "=QHHIIIIIIIHHIQ", head[:56])
        if major != 1:
            raise ValueError("another layout")
        if not (4096 <= header <= 1048576 and header % 4096 == 0 and header <= info.st_size):
            raise ValueError("the header is damaged")
        whole = os.pread(self.fd, header, 0)
        if crc32c(whole[:252] + bytes(4) + whole[256:]) != struct.unpack("=I", head[252:256])[0]:
            raise ValueError("the header is damaged")
        sane = 1 <= slots <= 65535 and 64 <= inline <= 1048576 and inline % 8 == 0 and counters <= 64 and shareds <= 64
        if incompatible or not sane:
            raise ValueError("another layout")
        retired, record = up(16 + 8 * counters, 128), up(64 + inline, 128)
        for page in (4096 << power for power in range(9)):
            same = (header == up(256 + 64 * (counters + shareds), page)
                    and shared == up(512 + 2 * retired + 128 * shareds, page)
                    and stride == 384 + up(8 * counters, 128) + 2 * record
                    and size == up(header + shared + slots * stride, page))
            if same and info.st_size >= size:
                break
        else:
            raise ValueError("the geometry makes no sense")
        self.slots, self.stride, self.inline = slots, stride, inline
        self.header, self.first, self.record_bytes = header, header + shared, record
        self.records = 384 + up(8 * counters, 128)
        self.id = head[56:72].hex()

    def words(self, offset, count):
        data = os.pread(self.fd, 8 * count, offset)
        if len(data) < 8 * count:
            raise ValueError("the file was cut")
        return struct.unpack(f"={count}Q", data)

    def workers(self):
        mark = self.words(self.header, 1)[0] & 0xFFFFFFFF
        for slot in range(min(mark, self.slots)):
            for _ in range(100):
                try:
                    entry = self.worker(slot, self.first + slot * self.stride)
                except BlockingIOError:
                    continue  # it changed owners under our eyes
                break
            else:
                entry = {"slot": slot, "error": "BUSY"}
            if entry is not None:
                yield entry

    def worker(self, slot, at):
        """Section 5: epoch, record, identity, lock, and the epoch again."""
        _, epoch, state, _, _, ended_ns, ending = self.words(at, 7)
        if epoch == 0 or state & 0xFFFFFFFF != 1:
            return None
        seq, record = self.latch(at)
        identity = struct.pack("=21Q", *self.words(at + 128, 21))
        alive = self.is_locked(at)
        now_seq, now_epoch = self.words(at, 2)
        if now_epoch != epoch or (not alive and record and now_seq & ~1 != seq):
            raise BlockingIOError
        pid, thread, _, _, _, uid, length = struct.unpack("=IIQQQII", identity[:40])
        name = identity[40:40 + length].decode("utf-8", "replace") if 1 <= length <= 128 else f"?slot-{slot}"
        entry = {"slot": slot, "epoch": epoch, "id": name, "pid": pid, "threadId": thread,
                 "state": "live" if alive else "dead"}
        if not alive and ending >> 10 == epoch and ending >> 8 & 3 in ENDINGS:
            entry["ending"] = ENDINGS[ending >> 8 & 3].format(ending & 0xFF)
        if record is None:
            return {**entry, "error": "BUSY"}
        return self.describe(entry, record, uid, alive)

    def latch(self, at):
        """Section 4."""
        for _ in range(TRIES):
            seq = self.words(at, 1)[0] & ~1
            record = self.words(at + self.records + (seq >> 1 & 1) * self.record_bytes, 8 + self.inline // 8)
            if (self.words(at, 1)[0] - seq) % 2**64 <= 2:
                return seq, record
        return 0, None

    def is_locked(self, offset):
        """Section 3: whether somebody holds the byte. Asking takes nothing."""
        # struct flock: l_type, l_whence, l_start, l_len, l_pid
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        return struct.unpack("hhqqi4x", fcntl.fcntl(self.fd, F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK

    def describe(self, entry, record, uid, alive):
        """Section 2.4."""
        length, kind, encoding = record[0] & 0xFFFFFFFF, record[0] >> 32 & 0xFF, record[0] >> 40 & 0xFF
        if record[1] != entry["epoch"]:
            older = record[1] < entry["epoch"] and not alive
            return entry if older else {**entry, "error": "BAD_RECORD"}
        if kind > 3 or encoding > 3 or length > self.inline:
            return {**entry, "error": "BAD_RECORD"}
        if kind == 3:
            return None
        entry["updates"] = record[7]
        if kind == 0:
            return entry
        status = struct.pack(f"={len(record) - 8}Q", *record[8:])[:length]
        if kind == 2:
            status = self.overflow(entry, record, uid)
        if isinstance(status, str):
            return {**entry, "error": status}
        try:
            entry["status"] = self.decode(status, encoding)
        except ValueError:
            entry["error"] = "BAD_RECORD"
        return entry

    def overflow(self, entry, record, uid):
        """Section 2.5: the name is made of integers only."""
        path = os.path.join(self.directory, f"ov-{self.id}-{entry['slot']}-{entry['epoch']}-{record[4]}")
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return "OVERFLOW_MISSING"
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != uid or info.st_size != record[5]:
                return "OVERFLOW_CORRUPT"
            data = file.read(record[5])
        return data if crc32c(data) == record[6] & 0xFFFFFFFF else "OVERFLOW_CORRUPT"

    @staticmethod
    def decode(status, encoding):
        if encoding == 2:
            return {"type": "bytes", "base64": base64.b64encode(status).decode()}
        text = status.decode("utf-8", "replace")
        return json.loads(text) if encoding == 3 else text


def main():
    try:
        board = Board(sys.argv[1])
        for entry in board.workers():
            print(json.dumps(entry))
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
