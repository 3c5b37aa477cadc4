// sentencepiece behind two C functions, in a library of its own.
#include <sentencepiece_processor.h>

#include <cstdint>

extern "C" __attribute__((visibility("default"))) void *tokenizer_open(const char *path) {
  auto *processor = new sentencepiece::SentencePieceProcessor;
  return processor->Load(path).ok() ? processor : nullptr;
}

extern "C" __attribute__((visibility("default"))) int tokenizer_encode(void *tokenizer, const char *text, size_t size,
                                                                       int64_t *ids, int most) {
  std::vector<int> pieces;
  static_cast<sentencepiece::SentencePieceProcessor *>(tokenizer)->Encode({text, size}, &pieces).IgnoreError();
  int n = 0;
  for (const int id : pieces) {
    if (n < most) ids[n++] = id;
  }
  return n;
}
