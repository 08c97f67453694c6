// The kernels of this add-on as images that a device loads.
#pragma once

namespace cb {

// What the CUDA image was compiled for: machine code of these, and PTX that later ones compile.
constexpr const char* kCudaKernelTargets = "sm_75, sm_80, sm_90, compute_90";

// Null: the add-on was built without a CUDA compiler.
const void* cudaKernelImage();
// The same kernels compiled for the CPU, for the host device.
const void* hostKernelImage();

}  // namespace cb
