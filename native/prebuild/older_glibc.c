// Lets a prebuild made on a new Linux load on an old one (glibc 2.31): part of `npm run prebuilds` only.
//
// A program takes on the newest version of every symbol that the C library of its build machine has. These are
// the ones that moved or came after 2.31, each hidden in the addon and led to what older libraries have.
// scripts/prebuilds.mjs fails when the addon needs anything newer.
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS  // it would make stat another name of stat64
#include <elf.h>
// Ours has another type, of the same layout.
#define _dl_find_object declared_dl_find_object
#include <dlfcn.h>
#include <link.h>
#undef _dl_find_object
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/stat.h>

#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#define STAT_VERSION 1
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#define STAT_VERSION 0
#else
#error "prebuilds are made for x86-64 and 64-bit Arm"
#endif

#define HIDDEN __attribute__((visibility("hidden")))
#define OLD(name, symbol) __asm__(".symver " #name ", " #symbol "@" OLDEST)

// Moved from libpthread into libc with 2.34, under a new version.
OLD(old_create, pthread_create);
OLD(old_join, pthread_join);
OLD(old_once, pthread_once);
OLD(old_key_create, pthread_key_create);
OLD(old_key_delete, pthread_key_delete);
OLD(old_getspecific, pthread_getspecific);
OLD(old_setspecific, pthread_setspecific);
extern int old_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
extern int old_join(pthread_t, void**);
extern int old_once(pthread_once_t*, void (*)(void));
extern int old_key_create(pthread_key_t*, void (*)(void*));
extern int old_key_delete(pthread_key_t);
extern void* old_getspecific(pthread_key_t);
extern int old_setspecific(pthread_key_t, uintptr_t);

HIDDEN int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  return old_create(thread, attributes, body, argument);
}
HIDDEN int pthread_join(pthread_t thread, void** result) { return old_join(thread, result); }
HIDDEN int pthread_once(pthread_once_t* once, void (*body)(void)) { return old_once(once, body); }
HIDDEN int pthread_key_create(pthread_key_t* key, void (*end)(void*)) { return old_key_create(key, end); }
HIDDEN int __pthread_key_create(pthread_key_t* key, void (*end)(void*)) { return old_key_create(key, end); }
HIDDEN int pthread_key_delete(pthread_key_t key) { return old_key_delete(key); }
HIDDEN void* pthread_getspecific(pthread_key_t key) { return old_getspecific(key); }
HIDDEN int pthread_setspecific(pthread_key_t key, const void* value) { return old_setspecific(key, (uintptr_t)value); }

// Functions of their own since 2.33; before, macros over these.
OLD(old_stat, __xstat64);
OLD(old_lstat, __lxstat64);
OLD(old_fstat, __fxstat64);
extern int old_stat(int, const char*, struct stat64*);
extern int old_lstat(int, const char*, struct stat64*);
extern int old_fstat(int, int, struct stat64*);

HIDDEN int stat64(const char* path, struct stat64* out) { return old_stat(STAT_VERSION, path, out); }
HIDDEN int lstat64(const char* path, struct stat64* out) { return old_lstat(STAT_VERSION, path, out); }
HIDDEN int fstat64(int fd, struct stat64* out) { return old_fstat(STAT_VERSION, fd, out); }
// On 64-bit machines both structures are one.
HIDDEN int stat(const char* path, struct stat* out) { return stat64(path, (struct stat64*)out); }
HIDDEN int lstat(const char* path, struct stat* out) { return lstat64(path, (struct stat64*)out); }
HIDDEN int fstat(int fd, struct stat* out) { return fstat64(fd, (struct stat64*)out); }

// 2.36, for the C++ library's random_device, which the addon does not use.
HIDDEN uint32_t arc4random(void) {
  uint32_t number = 0;
  (void)!getrandom(&number, sizeof number, 0);
  return number;
}

// 2.32: whether there is one thread only. In Node there never is.
HIDDEN char __libc_single_threaded = 0;

// 2.35, for the unwinder. With the fields that it reads; the rest is as in <dlfcn.h>.
struct found_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};
struct search {
  uintptr_t address;
  struct found_object* found;
};

static int visit(struct dl_phdr_info* object, size_t size, void* data) {
  (void)size;
  struct search* search = data;
  const ElfW(Phdr)* frames = NULL;
  int is_here = 0;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr)* header = &object->dlpi_phdr[i];
    const uintptr_t start = object->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) frames = header;
    if (header->p_type != PT_LOAD || search->address < start || search->address >= start + header->p_memsz) continue;
    is_here = 1;
    search->found->map_start = (void*)start;
    search->found->map_end = (void*)(start + header->p_memsz);
  }
  if (!is_here || frames == NULL) return 0;
  search->found->eh_frame = (void*)(object->dlpi_addr + frames->p_vaddr);
  return 1;
}

HIDDEN int _dl_find_object(void* address, struct found_object* found) {
  struct search search = {(uintptr_t)address, found};
  found->flags = 0;
  found->link_map = NULL;
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
