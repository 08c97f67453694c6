/*
 * Preload library for tests: makes writes below some folders fail as a full or broken disk does. Compiled by
 * disk-faults.ts with FAULT_CONTROL (path of the control file) and FAULT_FOLDERS (paths, separated by ':').
 * A write is every call that changes files: each is numbered, in all processes that share the control file.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Layout of the control file; disk-faults.ts has the same. */
struct control {
  uint64_t calls;  /* writes so far */
  uint64_t first;  /* number of the first that fails; 0: none does */
  uint64_t last;   /* number of the last that fails */
  uint64_t error;  /* errno it fails with */
  uint64_t failed; /* writes that failed so far */
  char what[472];  /* the first of them: function and path */
};

static struct control *control;

__attribute__((constructor)) static void open_control(void) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, FAULT_CONTROL, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (mapped != MAP_FAILED) control = mapped;
}

static int is_below(const char *path) {
  for (const char *folder = FAULT_FOLDERS; *folder != '\0';) {
    size_t length = strcspn(folder, ":");
    if (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0')) return 1;
    folder += length + (folder[length] == ':');
  }
  return 0;
}

/* Whether this write is to fail; sets errno. A write outside the folders has no number. */
static int fails(const char *function, const char *path) {
  if (control == NULL || !is_below(path)) return 0;
  uint64_t number = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
  uint64_t first = __atomic_load_n(&control->first, __ATOMIC_SEQ_CST);
  if (first == 0 || number < first || number > __atomic_load_n(&control->last, __ATOMIC_SEQ_CST)) return 0;
  if (__atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST) == 1)
    snprintf(control->what, sizeof control->what, "%s %s", function, path);
  errno = (int)control->error;
  return 1;
}

static int fails_at(const char *function, int folder, const char *path) {
  char whole[PATH_MAX * 2], link[64], base[PATH_MAX];
  if (path[0] == '/') return fails(function, path);
  snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
  ssize_t length = readlink(link, base, sizeof base - 1);
  if (length < 0) return 0;
  base[length] = '\0';
  snprintf(whole, sizeof whole, "%s/%s", base, path);
  return fails(function, whole);
}

static int fails_on(const char *function, int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int before = errno;
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = '\0';
  return fails(function, path);
}

#define NEXT(name) \
  static __typeof__(name) *next; \
  if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define ON_FD(type, name, parameters, arguments, fd) \
  type name parameters { \
    NEXT(name); \
    return fails_on(#name, fd) ? -1 : next arguments; \
  }

/* What a full disk takes of a write is the beginning of it: half, then nothing. */
#define ON_BYTES(name, parameters, fd, count, half, whole) \
  ssize_t name parameters { \
    NEXT(name); \
    uint64_t failed = control == NULL ? 0 : control->failed; \
    if (!fails_on(#name, fd)) return next whole; \
    if (errno != ENOSPC || failed != 0 || (count) < 2) return -1; \
    return next half; \
  }

#define ON_PATH(type, failure, name, parameters, arguments, folder, path) \
  type name parameters { \
    NEXT(name); \
    return fails_at(#name, folder, path) ? failure : next arguments; \
  }

ON_BYTES(write, (int fd, const void *bytes, size_t count), fd, count, (fd, bytes, count / 2), (fd, bytes, count))
ON_BYTES(pwrite, (int fd, const void *bytes, size_t count, off_t at), fd, count, (fd, bytes, count / 2, at), (fd, bytes, count, at))
ON_BYTES(pwrite64, (int fd, const void *bytes, size_t count, off64_t at), fd, count, (fd, bytes, count / 2, at), (fd, bytes, count, at))
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), fd)
ON_FD(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at), fd)
ON_FD(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at), fd)
ON_FD(ssize_t, copy_file_range, (int from, off64_t *at, int to, off64_t *to_at, size_t count, unsigned flags), (from, at, to, to_at, count, flags), to)
ON_FD(int, fsync, (int fd), (fd), fd)
ON_FD(int, fdatasync, (int fd), (fd), fd)
ON_FD(int, ftruncate, (int fd, off_t size), (fd, size), fd)
ON_FD(int, ftruncate64, (int fd, off64_t size), (fd, size), fd)
ON_FD(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), fd)
ON_FD(int, fallocate64, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size), fd)
ON_FD(int, futimens, (int fd, const struct timespec times[2]), (fd, times), fd)

int posix_fallocate(int fd, off_t at, off_t size) {
  NEXT(posix_fallocate);
  return fails_on("posix_fallocate", fd) ? errno : next(fd, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
  NEXT(posix_fallocate64);
  return fails_on("posix_fallocate64", fd) ? errno : next(fd, at, size);
}

ON_PATH(int, -1, rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
ON_PATH(int, -1, link, (const char *from, const char *to), (from, to), AT_FDCWD, to)
ON_PATH(int, -1, symlink, (const char *from, const char *to), (from, to), AT_FDCWD, to)
ON_PATH(int, -1, mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_PATH(int, -1, rmdir, (const char *path), (path), AT_FDCWD, path)
ON_PATH(int, -1, unlink, (const char *path), (path), AT_FDCWD, path)
ON_PATH(int, -1, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), folder, path)
ON_PATH(int, -1, utimensat, (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags), folder, path)
ON_PATH(char *, NULL, mkdtemp, (char *path), (path), AT_FDCWD, path)

/* A close that reports what was not written before closes all the same. */
int close(int fd) {
  NEXT(close);
  int mode = fcntl(fd, F_GETFL);
  int isFailing = mode != -1 && (mode & O_ACCMODE) != O_RDONLY && fails_on("close", fd);
  int error = errno;
  int closed = next(fd);
  if (!isFailing) return closed;
  errno = error;
  return -1;
}

#define CHANGES(flags) (((flags)&O_ACCMODE) != O_RDONLY || ((flags)&O_CREAT) != 0)
#define MODE_OF(flags, mode) \
  mode_t mode = 0; \
  if (((flags)&O_CREAT) != 0) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    MODE_OF(flags, mode) \
    NEXT(name); \
    return CHANGES(flags) && fails_at("open", AT_FDCWD, path) ? -1 : next(path, flags, mode); \
  }
#define OPENS_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    MODE_OF(flags, mode) \
    NEXT(name); \
    return CHANGES(flags) && fails_at("open", folder, path) ? -1 : next(folder, path, flags, mode); \
  }

OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)
