// A file of any kind is scanned without a crash, in memory and time that its size bounds, and what is said of it is fit for
// a terminal; or it is of no known kind.
#include "report/scan.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto source = memory_source(data, size, nullptr);
  Findings findings;
  scan_source(*source, "fuzz.pkl", findings);
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  scan_torchscript(text, "fuzz", findings);
  scan_exported(text, "fuzz", findings);
  for (const Finding &f : findings.all()) {
    FUZZ_CHECK(f.verdict != Verdict::data && f.verdict <= findings.worst());
    FUZZ_CHECK(f.what.find_first_of(std::string_view("\0\n\r\x1b", 4)) == std::string::npos && valid_utf8(f.what));
  }
  return 0;
}
