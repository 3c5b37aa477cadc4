// Any bytes are refused as no tokenizer.json, or give a tokenizer whose work on any text is bounded and whose offsets
// lie in it.

#include "tokenizer.h"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string texts[] = {"", "the good, the bad", "  Ünïcödé\t的一是 😀\r\n\xef\xbf\xbd '’ll 123",
                                      std::string(300, 'a')};
  try {
    const text::Tokenizer t({reinterpret_cast<const char *>(data), size});
    for (const std::string &s : texts) {
      text::TokenizerOptions o;
      o.parse_special = true;
      if (size % 2) o.pair = texts[1];
      try {
        const text::Encoding e = t.tokenize(s, o, text::OffsetUnit::byte);
        if (e.ids.size() != e.offsets.size() || e.ids.size() != e.pieces.size()) std::abort();
        const size_t longest = std::max(s.size(), texts[1].size());
        for (const text::Offsets &at : e.offsets)
          if (at.begin > longest || at.end > longest) std::abort();
        if (t.encode(s, o) != e.ids) std::abort();
        t.decode(e.ids, size % 3 == 0);
      } catch (const text::Error &) {
        continue;  // this text cannot be tokenized, with a message
      }
    }
  } catch (const text::Error &) {
    return 0;  // refused, with a message
  }
  return 0;
}
