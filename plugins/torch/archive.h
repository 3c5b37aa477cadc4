// The ZIP archive that a TorchScript file is.
#pragma once
#include <cstddef>

namespace mrun_torch {

// Compares every entry but the tensors' bytes with its CRC-32: libtorch's own reader does not, and crashes on damaged
// code and pickles. Throws mrun::error BUNDLE: no archive, cut off, or which entry is damaged.
void check_archive(const void *data, size_t size);

}  // namespace mrun_torch
