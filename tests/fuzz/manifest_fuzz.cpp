// A manifest is read, or refused by an Error of one line.
#include "bundle/manifest.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const Manifest m = parse_manifest({reinterpret_cast<const char *>(data), size}, "bundle.toml");
    FUZZ_CHECK(m.params.is_map() && m.batch.calls.max_size >= 1 && m.rtol >= 0);
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_BUNDLE && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
  }
  return 0;
}
