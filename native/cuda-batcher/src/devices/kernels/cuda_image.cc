#include "devices/kernels/image.h"

// CB_FATBIN is the path of the fatbin; undefined where there was no CUDA compiler.
#ifdef CB_FATBIN
asm(".section .rodata\n"
    ".balign 64\n"
    ".hidden cb_kernels_fatbin\n"
    ".global cb_kernels_fatbin\n"
    "cb_kernels_fatbin:\n"
    ".incbin \"" CB_FATBIN "\"\n"
    ".previous\n");
extern "C" const unsigned char cb_kernels_fatbin[];
#endif

namespace cb {

const void* cudaKernelImage() {
#ifdef CB_FATBIN
  return cb_kernels_fatbin;
#else
  return nullptr;
#endif
}

}  // namespace cb
