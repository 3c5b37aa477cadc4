// A message is refused as PROTOCOL, or is read, and what is written of it reads the same.
#include "fuzz.h"
#include "value/equal.h"
#include "value/wire.h"

using namespace mrun;

namespace {

std::string written(const Value &v, const Error &e) { return WireWriter().value(v).error(e).finish(); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Value value;
  Error error;
  try {
    WireReader in(fuzz::bytes_of(data, size), "a message");
    value = in.value();
    error = in.error();
    in.finish();
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_PROTOCOL && e.message.find('\n') == std::string::npos);
    return 0;
  }
  const std::string text = written(value, error);
  WireReader in(fuzz::bytes_of(reinterpret_cast<const uint8_t *>(text.data()), text.size()), "the message again");
  const Value again = in.value();
  const Error same = in.error();
  in.finish();
  FUZZ_CHECK(equal(value, again) && same.code == error.code && same.message == error.message);
  FUZZ_CHECK(written(again, same) == text);
  return 0;
}
