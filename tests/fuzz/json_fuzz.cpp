// JSON is refused by an Error, or is read, and what is written of it reads the same.
#include "fuzz.h"
#include "value/json.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Value value;
  try {
    value = parse_json({reinterpret_cast<const char *>(data), size});
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_INPUT && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
    return 0;
  }
  for (const auto style : {JsonOptions::Style::compact, JsonOptions::Style::pretty, JsonOptions::Style::canonical}) {
    JsonOptions options;
    options.style = style;
    const std::string text = to_json(value, options);
    FUZZ_CHECK(to_json(parse_json(text), options) == text);
  }
  return 0;
}
