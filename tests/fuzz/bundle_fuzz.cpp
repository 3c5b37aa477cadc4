// A .mb file is refused by an Error of one line, or everything in it, every revision too, can be read or is refused.
#include "bundle/bundle.h"

#include "base/text.h"
#include "bundle/diff.h"
#include "bundle/history.h"
#include "fuzz.h"

using namespace mrun;

namespace {

void check(const Error &e) {
  FUZZ_CHECK(e.code == MRUN_BUNDLE || e.code == MRUN_VERIFY || e.code == MRUN_MISSING || e.code == MRUN_INPUT);
  FUZZ_CHECK(e.message.find('\n') == std::string::npos && valid_utf8(e.message));
}

void read_all(const Bundle &bundle) {
  for (const EntryInfo &entry : bundle.entries()) {
    try {
      FUZZ_CHECK(bundle.read(entry.path).nbytes() == entry.size);
      FUZZ_CHECK(bundle.map_private(entry.path).nbytes() == entry.size);
    } catch (const Error &e) { check(e); }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const auto bundle = Bundle::open_memory(data, size, nullptr);
    read_all(*bundle);
    for (const LogEntry &entry : read_log(*bundle)) {
      const auto old = Bundle::open_memory(data, size, nullptr, {.revision = entry.digest, .verify = false});
      FUZZ_CHECK(old->digest() == entry.digest);
      read_all(*old);
      diff_value(diff_bundles(*old, *bundle));
    }
    bundle->verify_hashes();
  } catch (const Error &e) { check(e); }
  return 0;
}
