#include "addon/confinement.h"

#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace cb {

#ifdef __linux__

namespace {

std::string failed(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

}  // namespace

std::string confineProcess(int64_t parentPid, int64_t dataBytesMax) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("prctl");
  // The signal is sent at the parent's death only: a parent that died before the call must be noticed here.
  if (getppid() != static_cast<pid_t>(parentPid)) return "the parent process is gone";
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return failed("setrlimit core");
  const auto bytes = static_cast<rlim_t>(dataBytesMax);
  const rlimit data{bytes, bytes};
  if (setrlimit(RLIMIT_DATA, &data) != 0) return failed("setrlimit data");
  return {};
}

#else

std::string confineProcess(int64_t, int64_t) { return {}; }

#endif

}  // namespace cb
