// Where the memory of a method's values may come from.
#pragma once
#include <torch/csrc/jit/ir/ir.h>

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend_code.h"

namespace mrun_torch {

struct Origin {
  std::set<std::string> attributes;  // "self.hidden"; "a constant": of the code
  bool input = false;                // an argument of the method
};

// In doubt the answer is yes: whatever is put into any list or dict of the method may come out of any other.
class Origins {
 public:
  Origins(const Code &, const Known &);  // both must outlive it

  // The origins of the value itself; inside: also of all that a list, tuple, dict or object holds, at any depth.
  Origin of(const torch::jit::Value *, bool inside) const;
  // What a node puts into a list or dict that is its input number `into`.
  static std::vector<const torch::jit::Value *> put(const torch::jit::Node *, size_t into);

 private:
  class Search;

  void note(const torch::jit::Node *);

  const Code &code_;
  const Known &known_;
  std::vector<const torch::jit::Value *> put_;                                        // into lists, dicts and objects
  std::unordered_map<std::string, std::vector<const torch::jit::Value *>> assigned_;  // by the attribute's name
};

}  // namespace mrun_torch
