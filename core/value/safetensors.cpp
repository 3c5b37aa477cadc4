#include "value/safetensors.h"

#include <algorithm>
#include <cstring>
#include <mrun/message.hpp>
#include <numeric>

#include "base/bytes.h"
#include "base/file_kind.h"
#include "base/text.h"
#include "value/json.h"

namespace mrun {
namespace {

constexpr uint64_t max_header = 100'000'000;  // as the reference implementation has it
constexpr size_t max_tensors = size_t{1} << 20;
constexpr size_t max_dims = 8;
constexpr size_t data_alignment = 64;  // of mrun's profile: a mapped file's elements lie as memory of its own would
const std::string metadata_key = "__metadata__";
const std::string alias_key = "mrun.alias";
const std::string strides_key = "mrun.strides";

// What is taken for one: none of them can begin as a safetensors file does, whose first eight bytes are a header's size.
std::string_view other_kind(std::string_view file) {
  if (file.starts_with("\x93NUMPY")) return "NumPy's .npy: safetensors.numpy.save_file writes such arrays";
  if (file.starts_with("PK\x03\x04")) return "a ZIP archive, as torch.save and numpy.savez write";
  return file_kind(file);
}

struct Named {
  const char *name;
  DLDataType type;
  bool written;
};
const Named dtypes[] = {
    {"BOOL", dtype::boolean, true},        {"U8", dtype::uint8, true},    {"I8", dtype::int8, true},
    {"F8_E5M2", dtype::float8_e5m2, true}, {"I16", dtype::int16, true},   {"F8_E4M3", dtype::float8_e4m3fn, true},
    {"U16", dtype::uint16, true},          {"F16", dtype::float16, true}, {"BF16", dtype::bfloat16, true},
    {"I32", dtype::int32, true},           {"U32", dtype::uint32, true},  {"F32", dtype::float32, true},
    {"I64", dtype::int64, true},           {"U64", dtype::uint64, true},  {"F64", dtype::float64, true},
    {"C64", dtype::complex64, false}};

// Dense: the elements fill numel places without hole or overlap, in some order of the dimensions.
bool is_dense(const Shape &shape, const Shape &strides) {
  std::vector<size_t> order;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return false;
    if (shape[d] > 1) order.push_back(d);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strides[a] < strides[b]; });
  int64_t step = 1;
  for (const size_t d : order) {
    if (strides[d] != step) return false;
    step *= shape[d];
  }
  return true;
}

class Reader {
 public:
  Reader(const Tensor &bytes, std::string_view name, mrun_code code)
      : memory_(bytes), name_(printable(name)), code_(code) {}

  SafeTensors run() {
    const Value header = read_header();
    std::vector<Item> items;
    for (const Entry &e : header.as_map()) {
      if (e.key() == metadata_key) {
        read_metadata(e.value());
      } else {
        items.push_back(read_item(e.key(), e.value()));
      }
    }
    if (items.size() > max_tensors) refuse("has {} tensors; at most {} are allowed", items.size(), max_tensors);
    check_offsets(items);
    const Value strides = own_metadata(strides_key), aliases = own_metadata(alias_key);
    for (const Item &item : items) out_.tensors.emplace(item.name, make(item, strides.find(item.name)));
    check_names(strides);
    add_aliases(aliases);
    return std::move(out_);
  }

 private:
  struct Item {
    std::string name;
    DLDataType type;
    Shape shape;
    uint64_t begin, end;
  };

  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A &&...args) const {
    throw Error(code_, name_ + ": " + fmt::format(format, std::forward<A>(args)...));
  }

  Value read_header() {
    const std::string_view file = memory_.bytes();
    if (file.size() < 9) {
      const std::string_view other = other_kind(file);
      if (!other.empty()) refuse("is not a safetensors file: it is {}", other);
      refuse("is not a safetensors file: {} too few", counted(file.size(), "byte is", "bytes are"));
    }
    uint64_t n;
    std::memcpy(&n, file.data(), sizeof n);
    if (n > max_header) {
      if (const std::string_view other = other_kind(file); !other.empty())
        refuse("is not a safetensors file but {}", other);
      refuse("is not a safetensors file, or damaged: its header would be {} bytes, at most {} are allowed", n,
             max_header);
    }
    if (n > file.size() - 8) refuse("is cut off: the header has {}, {} are there", counted(n, "byte"), file.size() - 8);
    const std::string_view header = file.substr(8, n);
    if (!header.starts_with('{')) refuse("is not a safetensors file: its header does not begin with '{{'");
    data_ = file.substr(8 + n);
    return parse_json(header, {name_ + ": header", code_, 3});
  }

  void read_metadata(const Value &v) {
    if (!v.is_map()) refuse("{} is {}; a map of texts is wanted", metadata_key, describe(v.c()));
    for (const Entry &e : v.as_map()) {
      if (!e.value().is_string()) {
        refuse("{} '{}' is {}; a text is wanted", metadata_key, printable(e.key()), describe(e.value().c()));
      }
      out_.metadata.emplace(e.key(), e.value().as_string());
    }
  }

  Item read_item(std::string_view key, const Value &v) const {
    const std::string name = printable(key, 100);
    const Value *type = v.find("dtype"), *shape = v.find("shape"), *offsets = v.find("data_offsets");
    if (type == nullptr || shape == nullptr || offsets == nullptr || v.as_map().size() != 3) {
      refuse("tensor '{}': a map of exactly dtype, shape and data_offsets is wanted", name);
    }
    Item item{std::string(key), read_dtype(name, *type), read_shape(name, *shape), 0, 0};
    if (!offsets->is_list() || offsets->as_list().size() != 2 || !is_size(offsets->as_list()[0]) ||
        !is_size(offsets->as_list()[1])) {
      refuse("tensor '{}': data_offsets must be two integers, begin and end", name);
    }
    item.begin = static_cast<uint64_t>(offsets->as_list()[0].as_int());
    item.end = static_cast<uint64_t>(offsets->as_list()[1].as_int());
    const auto size = checked_nbytes(item.type, item.shape);
    if (!size) refuse("tensor '{}': a shape of {} is too large", name, shape_text(item.shape));
    if (item.end < item.begin || item.end - item.begin != static_cast<uint64_t>(*size)) {
      refuse("tensor '{}': {} {} has {}, its data_offsets are [{}, {}]", name, dtype_name(item.type),
             shape_text(item.shape), counted(*size, "byte"), item.begin, item.end);
    }
    return item;
  }

  static bool is_size(const Value &v) { return v.is_int() && v.as_int() >= 0; }

  DLDataType read_dtype(const std::string &name, const Value &v) const {
    if (!v.is_string()) refuse("tensor '{}': dtype is {}; a text is wanted", name, describe(v.c()));
    for (const Named &d : dtypes) {
      if (v.as_string() == d.name) return d.type;
    }
    refuse("tensor '{}': dtype '{}' is not known", name, printable(v.as_string(), 40));
  }

  Shape read_shape(const std::string &name, const Value &v) const {
    if (!v.is_list() || !std::all_of(v.as_list().begin(), v.as_list().end(), is_size)) {
      refuse("tensor '{}': shape must be a list of integers from 0", name);
    }
    if (v.as_list().size() > max_dims) {
      refuse("tensor '{}': {} dimensions; at most {} are allowed", name, v.as_list().size(), max_dims);
    }
    Shape shape;
    for (const Value &d : v.as_list()) shape.push_back(d.as_int());
    return shape;
  }

  // In order, each begins where the last one ended; the last ends with the file. So no hole and no overlap.
  void check_offsets(std::vector<Item> &items) const {
    std::sort(items.begin(), items.end(), [](const Item &a, const Item &b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.name < b.name;
    });
    uint64_t end = 0;
    for (const Item &item : items) {
      if (item.begin != end) {
        refuse("tensor '{}' begins at {} of the data where {} is wanted: {}", printable(item.name, 100), item.begin,
               end, item.begin > end ? "there is a hole before it" : "it overlaps the one before it");
      }
      end = item.end;
    }
    if (end != data_.size()) {
      refuse("the tensors have {}, {} are there: {}", counted(end, "byte"), data_.size(),
             end > data_.size() ? "the file is cut off" : "there is something behind them");
    }
  }

  Value own_metadata(const std::string &key) {
    const auto at = out_.metadata.find(key);
    if (at == out_.metadata.end()) return Value::map({});
    Value v = parse_json(at->second, {fmt::format("{}: {}", name_, key), code_, 2});
    if (!v.is_map()) refuse("{} is {}; a map is wanted", key, describe(v.c()));
    out_.metadata.erase(at);
    return v;
  }

  Tensor make(const Item &item, const Value *given) const {
    const Shape strides = given != nullptr ? read_strides(item, *given) : Shape{};
    const size_t offset = memory_.nbytes() - data_.size() + item.begin;
    return typed_view(memory_, offset, item.type, item.shape, strides,
                      fmt::format("{}: tensor '{}'", name_, printable(item.name, 100)), code_);
  }

  Shape read_strides(const Item &item, const Value &v) const {
    const std::string name = printable(item.name, 100);
    if (!v.is_list() || v.as_list().size() != item.shape.size() ||
        !std::all_of(v.as_list().begin(), v.as_list().end(), is_size)) {
      refuse("{} of '{}' must be {} integers from 0", strides_key, name, item.shape.size());
    }
    Shape strides;
    for (const Value &s : v.as_list()) strides.push_back(s.as_int());
    if (!is_dense(item.shape, strides)) {
      refuse("{} of '{}': {} leave holes or overlap in the shape {}", strides_key, name, shape_text(strides),
             shape_text(item.shape));
    }
    return strides;
  }

  void check_names(const Value &strides) const {
    for (const Entry &e : strides.as_map()) {
      if (!out_.tensors.contains(e.key())) refuse("{} names no tensor: '{}'", strides_key, printable(e.key(), 100));
    }
  }

  void add_aliases(const Value &aliases) {
    NamedTensors more;
    for (const Entry &e : aliases.as_map()) {
      const std::string name = printable(e.key(), 100);
      const auto target = e.value().is_string() ? out_.tensors.find(e.value().as_string()) : out_.tensors.end();
      if (target == out_.tensors.end()) refuse("{} of '{}' must name a tensor", alias_key, name);
      if (out_.tensors.contains(e.key())) refuse("{} of '{}': that tensor is there itself", alias_key, name);
      more.emplace(e.key(), target->second);
    }
    out_.tensors.merge(more);
  }

  const Tensor memory_;
  const std::string name_;
  const mrun_code code_;
  std::string_view data_;
  SafeTensors out_;
};

class FileWriter {
 public:
  FileWriter(const NamedTensors &tensors, const std::map<std::string, std::string> &metadata) : metadata_(metadata) {
    for (const auto &[name, tensor] : tensors) add(name, tensor);
    std::stable_sort(items_.begin(), items_.end(), [](const Item &a, const Item &b) {
      return item_size(a.tensor.dtype()) > item_size(b.tensor.dtype());
    });
  }

  void run(const std::function<void(std::string_view)> &sink) const {
    std::string json = to_json(header());
    json.append((data_alignment - (8 + json.size()) % data_alignment) % data_alignment, ' ');
    std::string start;
    put<uint64_t>(start, json.size());
    sink(start + json);
    for (const Item &item : items_) {
      if (item.tensor.nbytes() > 0) sink({item.tensor.data<const char>(), item.tensor.nbytes()});
    }
  }

 private:
  struct Item {
    std::string name;
    const char *dtype;
    Tensor tensor;  // dense
  };
  struct Memory {  // what makes two tensors one
    const void *data;
    const char *dtype;
    Shape shape, strides;
    auto operator<=>(const Memory &) const = default;
  };

  void add(const std::string &name, const Tensor &given) {
    if (name == metadata_key || !valid_utf8(name)) {
      fail(MRUN_ARGUMENT, "safetensors: '{}' cannot be a tensor's name", printable(name, 100));
    }
    const char *const dtype = dtype_text(name, given);
    if (static_cast<size_t>(given.dim()) > max_dims) {
      fail(MRUN_ARGUMENT, "safetensors: tensor '{}' has {} dimensions; at most {} are allowed", printable(name, 100),
           given.dim(), max_dims);
    }
    if (given.numel() > 0) {
      const auto [at, first] = first_of_.try_emplace({given.data(), dtype, given.shape(), given.strides()}, name);
      if (!first) {
        aliases_.emplace_back(name, Value::string(at->second));
        return;
      }
    }
    const bool dense = given.is_contiguous() || is_dense(given.shape(), given.strides());
    items_.push_back({name, dtype, dense ? given : given.contiguous()});
  }

  static const char *dtype_text(const std::string &name, const Tensor &t) {
    if (!t.on_cpu()) fail(MRUN_ARGUMENT, "safetensors: tensor '{}' is not on the CPU", printable(name, 100));
    for (const Named &d : dtypes) {
      if (d.type == t.dtype() && d.written) return d.name;
    }
    fail(MRUN_ARGUMENT, "safetensors: tensor '{}' is of dtype {}, which the format cannot hold", printable(name, 100),
         dtype_name(t.dtype()));
  }

  static Value integers(const Shape &numbers) {
    std::vector<Value> items;
    for (const int64_t n : numbers) items.push_back(Value::integer(n));
    return Value::list(std::move(items));
  }

  Value header() const {
    std::vector<std::pair<std::string, Value>> entries, strides, metadata;
    int64_t at = 0;
    for (const Item &item : items_) {
      const int64_t end = at + static_cast<int64_t>(item.tensor.nbytes());
      entries.emplace_back(item.name, Value::map({{"dtype", Value::string(item.dtype)},
                                                  {"shape", integers(item.tensor.shape())},
                                                  {"data_offsets", integers({at, end})}}));
      if (!item.tensor.is_contiguous()) strides.emplace_back(item.name, integers(plain_strides(item.tensor)));
      at = end;
    }
    for (const auto &[key, text] : metadata_) metadata.emplace_back(key, Value::string(text));
    if (!aliases_.empty()) metadata.emplace_back(alias_key, Value::string(to_json(Value::map(aliases_))));
    if (!strides.empty()) metadata.emplace_back(strides_key, Value::string(to_json(Value::map(std::move(strides)))));
    if (!metadata.empty()) entries.emplace_back(metadata_key, Value::map(std::move(metadata)));
    return Value::map(std::move(entries));
  }

  // A dimension of one element may have any stride, negative ones too; 1 stands for those that cannot be written.
  static Shape plain_strides(const Tensor &t) {
    Shape strides = t.strides();
    for (int64_t &s : strides) s = s < 0 ? 1 : s;
    return strides;
  }

  const std::map<std::string, std::string> &metadata_;
  std::map<Memory, std::string> first_of_;
  std::vector<Item> items_;
  std::vector<std::pair<std::string, Value>> aliases_;
};

}  // namespace

SafeTensors read_safetensors(const Tensor &bytes, std::string_view name, mrun_code code) {
  return Reader(bytes, name, code).run();
}

void write_safetensors(const NamedTensors &tensors, const std::map<std::string, std::string> &metadata,
                       const std::function<void(std::string_view)> &sink) {
  FileWriter(tensors, metadata).run(sink);
}

std::string write_safetensors(const NamedTensors &tensors, const std::map<std::string, std::string> &metadata) {
  std::string file;
  write_safetensors(tensors, metadata, [&](std::string_view part) { file += part; });
  return file;
}

Value tensor_map(const NamedTensors &tensors) {
  std::vector<std::pair<std::string, Value>> entries;
  for (const auto &[name, tensor] : tensors) entries.emplace_back(name, tensor);
  return Value::map(std::move(entries));
}

NamedTensors named_tensors(const Value &map) {
  NamedTensors tensors;
  for (const Entry &e : map.as_map()) {
    if (!e.value().is_tensor()) fail(MRUN_ARGUMENT, "{}: want a tensor, got {}", e.key(), describe(e.value().c()));
    tensors.emplace(std::string(e.key()), e.value().as_tensor());
  }
  return tensors;
}

}  // namespace mrun
