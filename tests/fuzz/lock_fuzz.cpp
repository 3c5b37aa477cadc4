// A lock is refused by an Error of one line, or is exactly what the writer makes of what was read. The same of what the
// file keeps of an earlier lock: made whole and shortened again, nothing is lost.
#include "bundle/lock.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

namespace {

Lock next_lock() {
  Lock lock;
  lock.entries = {{"bundle.toml", {3, std::string(64, '1')}}, {"format", {14, std::string(64, '2')}}};
  lock.operations = {"aten.relu", "image.resize@1"};
  lock.models = {{"main", "torch", {"forward(Tensor x) -> Tensor"}}};
  lock.revision.number = 2;
  lock.revision.parent = std::string(64, '3');
  return lock;
}

template <class Check>
void refused_or(const Check &check) {
  try {
    check();
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == MRUN_BUNDLE && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  refused_or([&] { FUZZ_CHECK(encode_lock(decode_lock(text, "fuzz")) == text); });
  refused_or([&] {
    const Lock next = next_lock();
    Lock earlier = next, again = next;
    step_back(earlier, text, "fuzz");
    const std::string whole = encode_lock(earlier);
    step_back(again, shorten_lock(decode_lock(whole, "fuzz"), next), "fuzz");
    FUZZ_CHECK(encode_lock(again) == whole);
  });
  return 0;
}
