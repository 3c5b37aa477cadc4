// What a method does besides computing its results: found by reading its code, without running it.
#pragma once
#include <torch/csrc/jit/api/module.h>

#include <set>
#include <string>
#include <vector>

namespace mrun_torch {

struct Effects {
  std::set<std::string> written;  // attributes that are assigned or written in place: "self.hidden"
  bool writes_inputs = false;     // an argument's memory may be written
  bool random = false;            // an operator draws random numbers
  bool training = false;          // a layer works as in training: the module was not saved in eval()
  bool forks = false;             // a torch.jit.fork runs beside it
  bool quantized = false;         // what it gives may depend on the quantized engine
};

// Of each of a module's methods. Branches whose condition is fixed by the module's attributes (`if self.training:`) count only
// where they are taken. In doubt the answer is yes: a value may come from an attribute or input through any operator whose
// result may share its memory, and through any list, dict or object that it is put into.
std::vector<Effects> effects_of(const torch::jit::Module &module, const std::vector<torch::jit::Method> &methods);

}  // namespace mrun_torch
