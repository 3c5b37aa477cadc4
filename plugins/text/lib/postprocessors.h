// The post-processors that tokenizer.json names: special tokens around the texts, types, offsets without white space.
#pragma once
#include <memory>

#include "config.h"
#include "encoding.h"

namespace text {

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  // How many tokens it adds to one text, or to a pair.
  virtual size_t added(bool pair) const = 0;
  // In: the texts' encodings, one or two. Out: what is joined, in order. special: whether to add special tokens. The parts
  // beside a text get them as it does; as in the peer, some of what else is set there is that of the text itself alone.
  virtual void run(std::vector<Encoding> &, bool special) const = 0;
};

// nullptr for null.
std::unique_ptr<PostProcessor> make_postprocessor(const Json &);

}  // namespace text
