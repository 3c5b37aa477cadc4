#include "state.h"

#include <cstring>
#include <mrun/message.hpp>

namespace decode {
namespace {

constexpr int deepest = 50;

// The value with each tensor replaced by change(tensor, name).
template <class Change>
mrun::value map_tensors(const mrun::call &c, const mrun_value &v, const std::string &name, Change &change,
                        int depth = 0) {
  if (depth > deepest) mrun::refuse(name + ": nested too deeply");
  if (v.kind == MRUN_TENSOR) return change(mrun::tensor(c, v), name);
  if (v.kind == MRUN_LIST) {
    std::vector<mrun::value> items;
    for (size_t i = 0; i < v.as.list.size; ++i) {
      items.push_back(map_tensors(c, v.as.list.items[i], name + "[" + std::to_string(i + 1) + "]", change, depth + 1));
    }
    return mrun::value::of(c, std::move(items));
  }
  if (v.kind == MRUN_MAP) {
    std::map<std::string, mrun::value> entries;
    for (size_t i = 0; i < v.as.map.size; ++i) {
      const mrun_entry &e = v.as.map.items[i];
      const std::string key(e.key.data, e.key.size);
      entries[key] = map_tensors(c, e.value, name + "." + key, change, depth + 1);
    }
    return mrun::value::of(c, std::move(entries));
  }
  return mrun::value::copy(c, v);
}

bool every_row(const std::vector<size_t> &origins, int64_t rows) {
  if (static_cast<int64_t>(origins.size()) != rows) return false;
  for (size_t i = 0; i < origins.size(); ++i) {
    if (origins[i] != i) return false;
  }
  return true;
}

}  // namespace

mrun::value with_rows(const mrun::call &c, const mrun_value &v, int64_t rows, const std::string &name) {
  const auto repeat = [&](const mrun::tensor &given, const std::string &where) -> mrun::value {
    want_cpu(given, where);
    const mrun::tensor one = given.contiguous(c);
    std::vector<int64_t> shape = one.shape();
    shape.insert(shape.begin(), rows);
    mrun::tensor all = mrun::tensor::empty(c, one.dtype(), shape);
    const size_t bytes = static_cast<size_t>(one.numel()) * one.item_size();
    for (int64_t i = 0; i < rows && bytes > 0; ++i) {
      std::memcpy(all.data<char>() + static_cast<size_t>(i) * bytes, one.data<const char>(), bytes);
    }
    return all;
  };
  return map_tensors(c, v, name, repeat);
}

mrun::value take_rows(const mrun::call &c, mrun::value v, int64_t rows, const std::vector<size_t> &origins,
                      const std::string &name) {
  const bool same = every_row(origins, rows);
  const auto take = [&](const mrun::tensor &given, const std::string &where) -> mrun::value {
    if (given.dim() == 0 || given.size(0) != rows) {
      throw mrun::error(MRUN_MODEL, where + ": the step was given " + mrun::counted(rows, "row") + " and returned " +
                                        mrun::shape_text(given) + "; want a row for each in dimension 0");
    }
    if (same) return given;
    want_cpu(given, where);
    const mrun::tensor from = given.contiguous(c);
    std::vector<int64_t> shape = from.shape();
    shape[0] = static_cast<int64_t>(origins.size());
    mrun::tensor to = mrun::tensor::empty(c, from.dtype(), shape);
    const size_t bytes = static_cast<size_t>(from.numel()) / static_cast<size_t>(rows) * from.item_size();
    for (size_t i = 0; i < origins.size() && bytes > 0; ++i) {
      std::memcpy(to.data<char>() + i * bytes, from.data<const char>() + origins[i] * bytes, bytes);
    }
    return to;
  };
  return map_tensors(c, v.get(), name, take);
}

}  // namespace decode
