// Any bytes are refused as no sound, or decode to whole frames, within memory that they justify.
#include <cstdlib>

#include "decode.h"
#include "error.h"

// libsndfile 1.2 loses what libvorbis gave it where an OGG's headers are damaged: 6 KB a file, which is not ours to free.
extern "C" const char *__lsan_default_suppressions() {
  return "leak:vorbis_info_init\nleak:vorbis_synthesis_headerin\n";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr int64_t most = int64_t(1) << 26;
  int64_t total = 0;
  try {
    const audio::Samples s = audio::decode({reinterpret_cast<const char *>(data), size}, [&](int64_t bytes) {
      total += bytes;
      if (total > most) throw audio::Error(audio::Error::Code::input, "enough");
    });
    if (s.channels < 1 || s.rate < 1 || s.interleaved.size() % size_t(s.channels)) std::abort();
  } catch (const audio::Error &) {
    return 0;  // refused, with a message
  }
  return 0;
}
