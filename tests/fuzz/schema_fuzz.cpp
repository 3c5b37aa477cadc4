// A schema is refused by an Error of one line, or its canonical text is read back as the same.
#include "plugin/schema.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  try {
    const std::string canonical = parse_schema(text).text();
    FUZZ_CHECK(parse_schema(canonical).text() == canonical);
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_USAGE && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
  }
  return 0;
}
