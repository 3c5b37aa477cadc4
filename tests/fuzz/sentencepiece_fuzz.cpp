// Any bytes are refused as no sentencepiece model, or give one that tokenizes any text.

#include "sentencepiece.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const text::SentencePiece model({reinterpret_cast<const char *>(data), size});
    for (const char *s : {"", "ab the good", "  \xc3\x9cn\xc3\xaf 的 \xf0\x9f\x98\x80"}) {
      const std::vector<int> ids = model.encode(s, {});
      if (model.tokenize(s, {}, text::OffsetUnit::byte).ids.size() != ids.size()) std::abort();
      model.decode(ids);
    }
    for (int id = 0; id < model.size(); ++id) model.piece(id);
  } catch (const text::Error &) {
    return 0;  // refused, with a message
  }
  return 0;
}
