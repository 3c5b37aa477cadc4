// The pre-tokenizers that tokenizer.json names: they cut a text into the parts that the model sees one by one.
#pragma once
#include <memory>

#include "config.h"
#include "normalized.h"

namespace text {

struct PreTokenized {
  Normalized n;
  std::vector<Span> spans;  // of n.bytes, in order, none empty
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void run(PreTokenized &) const = 0;
  // ByteLevel writes each byte as a letter. A model that takes bytes as they are asks for them here, once, before use;
  // false: this pre-tokenizer does not end in ByteLevel, nothing has changed.
  virtual bool give_bytes() { return false; }
  // Whether its cuts depend on where the text came from, so that origins are needed even where nobody asked for
  // offsets. inserts: the text may have characters that stand for nothing.
  virtual bool needs_origin([[maybe_unused]] bool inserts) const { return false; }
};

// nullptr for null.
std::unique_ptr<PreTokenizer> make_pretokenizer(const Json &);

}  // namespace text
