// A .npy file is refused by an Error, or its array lies inside it, and writing and reading it again gives it again.
#include "fuzz.h"
#include "value/npy.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Tensor array;
  try {
    array = read_npy(fuzz::bytes_of(data, size), "fuzz");
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_INPUT && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
    return 0;
  }
  const std::string text = write_npy(array);
  const Tensor again = read_npy(fuzz::bytes_of(reinterpret_cast<const uint8_t *>(text.data()), text.size()), "again");
  FUZZ_CHECK(again.dtype() == array.dtype() && again.shape() == array.shape());
  FUZZ_CHECK(again.bytes() == array.contiguous().bytes());
  return 0;
}
