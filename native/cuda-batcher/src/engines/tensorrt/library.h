// Whether a TensorRT library can be opened here, and which version it is. Nothing of it is called beyond that.
#pragma once

#include <string>

namespace cb {

struct TensorrtProbe {
  bool found = false;
  std::string library;
  std::string version;  // e.g. "10.15.1"
  std::string detail;
};

// Tries $CB_TENSORRT_LIB, then the library names of the known majors, newest first.
TensorrtProbe probeTensorrt();

}  // namespace cb
