// What op_*.cpp register: each add_* has one file's operations.
#pragma once
#include <mrun/plugin_kit.hpp>

#include <algorithm>
#include <string>

namespace decode {

void add_constraint(const mrun::registrar &);
void add_ctc(const mrun::registrar &);
void add_nms(const mrun::registrar &);
void add_search(const mrun::registrar &);
void add_topk(const mrun::registrar &);

inline void want_cpu(const mrun::tensor &t, const std::string &what) {
  if (!t.on_cpu()) mrun::refuse(what + ": want a tensor on the CPU; move it with :cpu()");
}

inline mrun::tensor positions_tensor(const mrun::call &c, const std::vector<int64_t> &positions) {
  mrun::tensor t = mrun::tensor::empty(c, mrun::int64, {static_cast<int64_t>(positions.size())});
  std::copy(positions.begin(), positions.end(), t.data<int64_t>());
  return t;
}

}  // namespace decode
