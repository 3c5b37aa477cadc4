// The decoders that tokenizer.json names: from tokens back to text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config.h"

namespace text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // What it leaves is joined without anything between.
  virtual void run(std::vector<std::string> &tokens) const = 0;
};

// nullptr for null: tokens are then joined with spaces.
std::unique_ptr<Decoder> make_decoder(const Json &);

}  // namespace text
