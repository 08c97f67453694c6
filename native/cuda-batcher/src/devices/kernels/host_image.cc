// The kernels as the C++ compiler compiles them. Names and parameters as in kernels.cu.
#include "devices/host/kernel_image.h"
#include "devices/kernels/dense.h"
#include "devices/kernels/image.h"
#include "devices/kernels/rows.h"

namespace cb {

const void* hostKernelImage() {
  static constexpr HostKernel all[] = {
      hostKernel<kernels::gatherRows>("gatherRows"), hostKernel<kernels::scatterRows>("scatterRows"),
      hostKernel<kernels::dense>("dense"),           hostKernel<kernels::affine>("affine"),
      hostKernel<kernels::relu>("relu"),
  };
  static constexpr HostImage image{kHostImageMagic, all, sizeof all / sizeof all[0]};
  return &image;
}

}  // namespace cb
