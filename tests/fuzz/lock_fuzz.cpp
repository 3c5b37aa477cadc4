// A lock is refused by an Error of one line, or is exactly what the writer makes of what was read.
#include "bundle/lock.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  try {
    FUZZ_CHECK(encode_lock(decode_lock(text, "fuzz")) == text);
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_BUNDLE && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
  }
  return 0;
}
