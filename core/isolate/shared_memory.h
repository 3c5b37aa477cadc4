// Memory that crosses processes as a descriptor: sealed, so that nobody can shrink it under a reader, nor write to it
// once it has been handed over.
#pragma once
#include "base/file.h"
#include "value/tensor.h"

namespace mrun {

// Makes memory of so many bytes that cannot change its size. Throws MEMORY.
UniqueFd make_shared_memory(size_t size);
// Puts the tensors one after the other, each from a multiple of 64 bytes on, and seals it: one copy, no mapping.
UniqueFd share(const std::vector<Tensor> &, size_t size);
// The same, into memory of that size that somebody made, by a mapping: a worker may write no file.
void put_tensors(int fd, const std::vector<Tensor> &, size_t size);
// From now on nobody can write to it. Throws PROTOCOL where somebody has it mapped for writing still.
void seal(int fd, const std::string &sender);
// Its bytes as a 1-D uint8 tensor: a private mapping, so that what the owner writes stays his. Throws PROTOCOL where it
// is not so large, or where its size could change under the reader.
Tensor map_shared_memory(int fd, size_t size, const std::string &sender);

}  // namespace mrun
