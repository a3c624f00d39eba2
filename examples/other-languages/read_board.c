// Lists the workers of a rollcall board, the living and the dead: slot, epoch, state, pid, id and status, one a
// line, parted by tabs. Written from docs/FORMAT.md alone; the sections named below are those of that document.
// Linux, C11:  cc -std=c11 -O2 -o read_board read_board.c && ./read_board DIRECTORY
//
// Nothing in the file is trusted: a slot that makes no sense is a line with an error.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  int fd;
  const char* directory;
  char id[33];
  uint64_t header, first, stride, records, record_bytes, slots, inline_bytes;
} Board;

static uint64_t up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

static uint32_t crc32c(uint32_t crc, const uint8_t* data, size_t size) {
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static int fail(const char* why) {
  fprintf(stderr, "read_board: %s\n", why);
  return 1;
}

#define FIELD(type, offset) (*(const type*)(const void*)(bytes + (offset)))

// Section 1: checks the header in a private copy and computes every offset from it.
static int open_board(Board* board, const char* directory) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/board", directory) >= (int)sizeof path) return fail("the path is too long");
  struct stat info;
  board->directory = directory;
  board->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (board->fd < 0 || fstat(board->fd, &info) != 0 || !S_ISREG(info.st_mode)) return fail("cannot open the board");
  static _Alignas(8) uint8_t bytes[1048576];
  const ssize_t got = pread(board->fd, bytes, sizeof bytes, 0);
  if (got < 8 || FIELD(uint64_t, 0) != 0x6c6c61636c6c6f72u) return fail("no board of this byte order");
  if (got < 256) return fail("the header is cut");
  if (FIELD(uint16_t, 8) != 1) return fail("another layout");
  const uint64_t header = FIELD(uint32_t, 12), slots = FIELD(uint32_t, 24), inlined = FIELD(uint32_t, 32);
  const uint64_t counters = FIELD(uint16_t, 40), shareds = FIELD(uint16_t, 42);
  if (header < 4096 || header % 4096 != 0 || header > (uint64_t)got) return fail("the header is damaged");
  const uint32_t expected = FIELD(uint32_t, 252);
  memset(bytes + 252, 0, 4);
  if (crc32c(0, bytes, header) != expected) return fail("the header is damaged");
  if (FIELD(uint32_t, 16) != 0 || slots < 1 || slots > 65535 || inlined < 64 || inlined > 1048576 || inlined % 8 != 0 ||
      counters > 64 || shareds > 64) {
    return fail("another layout");
  }
  const uint64_t shared = FIELD(uint32_t, 36), retired = up(16 + 8 * counters, 128);
  board->record_bytes = up(64 + inlined, 128);
  board->records = 384 + up(8 * counters, 128);
  board->stride = board->records + 2 * board->record_bytes;
  board->header = header;
  board->first = header + shared;
  board->slots = slots;
  board->inline_bytes = inlined;
  for (int i = 0; i < 16; i++) snprintf(board->id + 2 * i, 3, "%02x", bytes[56 + i]);
  for (uint64_t page = 4096; page <= 1048576; page *= 2) {
    if (header == up(256 + 64 * (counters + shareds), page) &&
        shared == up(512 + 2 * retired + 128 * shareds, page) && FIELD(uint32_t, 28) == board->stride &&
        FIELD(uint64_t, 48) == up(board->first + slots * board->stride, page) &&
        (uint64_t)info.st_size >= FIELD(uint64_t, 48)) {
      return 0;
    }
  }
  return fail("the geometry makes no sense");
}

static int words(const Board* board, uint64_t at, uint64_t* out, size_t count) {
  return pread(board->fd, out, 8 * count, (off_t)at) == (ssize_t)(8 * count);
}

// Section 3: whether somebody holds the byte; what cannot be asked about counts as held.
static int is_locked(const Board* board, uint64_t at) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1};
  return fcntl(board->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

// Section 4. False: its writer lapped us again and again, or the file was cut.
static int read_record(const Board* board, uint64_t at, uint64_t* seq, uint64_t* record) {
  for (int tries = 0; tries < 10000; tries++) {
    uint64_t now;
    if (!words(board, at, seq, 1)) return 0;
    *seq &= ~(uint64_t)1;
    const uint64_t from = at + board->records + (*seq >> 1 & 1) * board->record_bytes;
    if (!words(board, from, record, 8 + board->inline_bytes / 8) || !words(board, at, &now, 1)) return 0;
    if (now - *seq <= 2) return 1;
  }
  return 0;
}

// Tabs and lines part entries, and nobody's status may move a terminal's cursor.
static void print_text(const uint8_t* text, uint64_t length) {
  for (uint64_t i = 0; i < length; i++) {
    if (text[i] < 0x20 || text[i] == 0x7f || text[i] == '\\') printf("\\x%02x", text[i]);
    else putchar(text[i]);
  }
}

// Section 2.5: the name is made of integers only.
static void print_overflow(const Board* board, uint64_t slot, const uint64_t* record, uint32_t uid) {
  char path[4096];
  snprintf(path, sizeof path, "%s/ov-%s-%" PRIu64 "-%" PRIu64 "-%" PRIu64, board->directory, board->id, slot, record[1],
           record[4]);
  const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat info;
  const char* problem = fd < 0 ? "OVERFLOW_MISSING" : NULL;
  uint8_t* data = NULL;
  if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != uid ||
                  (uint64_t)info.st_size != record[5] || (data = malloc(record[5] + 1)) == NULL ||
                  read(fd, data, record[5]) != info.st_size || crc32c(0, data, record[5]) != (uint32_t)record[6])) {
    problem = "OVERFLOW_CORRUPT";
  }
  if (problem != NULL) printf("!%s", problem);
  else print_text(data, record[5]);
  free(data);
  if (fd >= 0) close(fd);
}

// Section 5. False: it changed owners under our eyes, look again.
static int print_worker(const Board* board, uint64_t slot, uint64_t* record) {
  const uint64_t at = board->first + slot * board->stride;
  uint64_t control[3], identity[21], seq = 0, again[2];
  if (!words(board, at, control, 3)) return 1;
  const uint64_t epoch = control[1];
  if (epoch == 0 || (uint32_t)control[2] != 1) return 1;
  const int whole = read_record(board, at, &seq, record);
  const int alive = words(board, at + 128, identity, 21) && is_locked(board, at);
  if (!words(board, at, again, 2)) return 1;
  if (again[1] != epoch || (!alive && whole && (again[0] & ~(uint64_t)1) != seq)) return 0;

  const uint32_t length = (uint32_t)record[0], kind = record[0] >> 32 & 0xff, encoding = record[0] >> 40 & 0xff;
  const int ours = whole && record[1] == epoch;
  const int sane = ours && kind <= 3 && encoding <= 3 && length <= board->inline_bytes;
  if (sane && kind == 3) return 1;
  const uint8_t* who = (const uint8_t*)identity;
  uint32_t pid, uid, id_bytes;
  memcpy(&pid, who, 4), memcpy(&uid, who + 32, 4), memcpy(&id_bytes, who + 36, 4);
  printf("%" PRIu64 "\t%" PRIu64 "\t%s\t%" PRIu32 "\t", slot, epoch, alive ? "live" : "dead", pid);
  if (id_bytes >= 1 && id_bytes <= 128) print_text(who + 40, id_bytes);
  else printf("?slot-%" PRIu64, slot);
  putchar('\t');
  if (!whole) printf("!BUSY");
  else if (!sane && !(record[1] < epoch && !alive)) printf("!BAD_RECORD");
  else if (sane && kind == 1) print_text((const uint8_t*)(record + 8), length);
  else if (sane && kind == 2) print_overflow(board, slot, record, uid);
  putchar('\n');
  return 1;
}

int main(int argc, char** argv) {
  Board board;
  if (argc != 2) return fail("usage: read_board DIRECTORY");
  if (open_board(&board, argv[1]) != 0) return 1;
  uint64_t mark = 0;
  uint64_t* record = calloc(8 + board.inline_bytes / 8, 8);
  if (record == NULL || !words(&board, board.header, &mark, 1)) return fail("cannot read the board");
  mark = (uint32_t)mark < board.slots ? (uint32_t)mark : board.slots;
  for (uint64_t slot = 0; slot < mark; slot++) {
    for (int tries = 0; tries < 100 && !print_worker(&board, slot, record); tries++) {
    }
  }
  free(record);
  return 0;
}
