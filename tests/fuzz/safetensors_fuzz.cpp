// A safetensors file is refused by an Error, or all of its tensors lie inside it, and writing and reading it again
// gives them again.
#include "fuzz.h"
#include "value/safetensors.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  SafeTensors file;
  try {
    file = read_safetensors(fuzz::bytes_of(data, size), "fuzz", MRUN_BUNDLE);
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_BUNDLE && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
    return 0;
  }
  for (auto at = file.tensors.begin(); at != file.tensors.end();) {
    at = at->second.dtype() == dtype::complex64 ? file.tensors.erase(at) : std::next(at);  // read, never written
  }
  const std::string text = write_safetensors(file.tensors, file.metadata);
  const SafeTensors again =
      read_safetensors(fuzz::bytes_of(reinterpret_cast<const uint8_t *>(text.data()), text.size()), "again");
  FUZZ_CHECK(again.metadata == file.metadata && again.tensors.size() == file.tensors.size());
  for (const auto &[name, tensor] : file.tensors) {
    const Tensor &other = again.tensors.find(name)->second;
    FUZZ_CHECK(other.shape() == tensor.shape() && other.contiguous().bytes() == tensor.contiguous().bytes());
  }
  return 0;
}
