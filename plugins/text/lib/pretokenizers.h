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
  // ByteLevel writes each byte as a letter: whether this pre-tokenizer ends in it. Then a model that takes bytes as they
  // are may ask for them, once, before use.
  virtual bool gives_letters() const { return false; }
  virtual void give_bytes() {}
  // Whether its cuts depend on where the text came from, so that origins are needed even where nobody asked for
  // offsets. inserts: the text may have characters that stand for nothing.
  virtual bool needs_origin([[maybe_unused]] bool inserts) const { return false; }
};

// nullptr for null.
std::unique_ptr<PreTokenizer> make_pretokenizer(const Json &);
// Cuts at the matches of a pattern, as PCRE2 reads it, and writes bytes as letters.
std::unique_ptr<PreTokenizer> make_byte_splitter(const std::string &pattern);

}  // namespace text
