#include "value/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <mrun/message.hpp>

#include "base/bytes.h"
#include "base/file_kind.h"
#include "base/text.h"
#include "value/half.h"

namespace mrun {
namespace {

constexpr std::string_view npy_magic("\x93NUMPY", 6);
constexpr size_t max_npy_header = 65'535;  // version 1.0's; NumPy writes longer ones for records alone
constexpr size_t max_npy_dims = 32;        // NumPy's, before 2.0
constexpr size_t npy_alignment = 64;

struct NpyType {
  const char *name;  // without the byte order
  DLDataType type;
};
const NpyType npy_types[] = {{"b1", dtype::boolean},   {"i1", dtype::int8},       {"u1", dtype::uint8},
                             {"i2", dtype::int16},     {"u2", dtype::uint16},     {"f2", dtype::float16},
                             {"i4", dtype::int32},     {"u4", dtype::uint32},     {"f4", dtype::float32},
                             {"i8", dtype::int64},     {"u8", dtype::uint64},     {"f8", dtype::float64},
                             {"c8", dtype::complex64}, {"c16", dtype::complex128}};

struct Header {
  DLDataType type{};
  bool column_major = false;
  Shape shape;
};

// Reads the header: one Python dictionary of 'descr', 'fortran_order' and 'shape', in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name, mrun_code code) : text_(text), name_(name), code_(code) {}

  Header run() {
    want('{');
    bool descr = false, order = false, shape = false;
    while (!accept('}')) {
      const std::string_view key = read_text();
      want(':');
      if (key == "descr" && !descr) {
        descr = true;
        read_dtype();
      } else if (key == "fortran_order" && !order) {
        order = true;
        read_order();
      } else if (key == "shape" && !shape) {
        shape = true;
        read_shape();
      } else {
        refuse("the key '{}' is not known, or given twice", printable(key, 40));
      }
      if (!accept(',') && !peek('}')) refuse("',' or '}}' is wanted at byte {} of the header", at_);
    }
    skip();
    if (at_ != text_.size()) refuse("something stands behind the header's '}}'");
    if (!descr || !order || !shape) refuse("the header must hold descr, fortran_order and shape");
    return std::move(header_);
  }

 private:
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A &&...args) const {
    throw Error(code_, fmt::format("{}: damaged .npy header: ", name_) + fmt::format(format, std::forward<A>(args)...));
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool peek(char c) {
    skip();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool accept(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }
  void want(char c) {
    if (!accept(c)) refuse("'{}' is wanted at byte {} of the header", c, at_);
  }

  std::string_view read_text() {
    const char quote = peek('"') ? '"' : '\'';
    want(quote);
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) refuse("a text does not end");
    const std::string_view text = text_.substr(at_, end - at_);
    if (text.find('\\') != std::string_view::npos) refuse("a text holds a backslash");
    at_ = end + 1;
    return text;
  }

  void read_dtype() {
    if (peek('[')) fail(code_, "{}: an array of records; arrays of one dtype are wanted", name_);
    const std::string_view text = read_text();
    const std::string_view base = text.substr(std::min<size_t>(1, text.size()));
    const char order = text.empty() ? ' ' : text[0];
    for (const NpyType &d : npy_types) {
      if (base != d.name) continue;
      if (order == '<' || (order == '|' && item_size(d.type) == 1)) {
        header_.type = d.type;
        return;
      }
      if (order == '>') {
        fail(code_, "{}: the numbers are big-endian ('{}'); save it as little-endian: a.astype('<{}')", name_, text,
             base);
      }
    }
    if (base.starts_with('O')) fail(code_, "{}: an array of Python objects, which are never loaded", name_);
    fail(code_, "{}: dtype '{}' cannot be a tensor's; booleans, integers, floats and complex numbers can", name_,
         printable(text, 40));
  }

  void read_order() {
    skip();
    const std::string_view rest = text_.substr(at_);
    header_.column_major = rest.starts_with("True");
    if (!header_.column_major && !rest.starts_with("False")) refuse("fortran_order must be True or False");
    at_ += header_.column_major ? 4 : 5;
  }

  void read_shape() {
    want('(');
    while (!accept(')')) {
      skip();
      int64_t size = 0;
      const char *const first = text_.data() + at_, *const last = text_.data() + text_.size();
      const auto [end, error] = std::from_chars(first, last, size);
      if (error == std::errc::result_out_of_range) refuse("a dimension of the shape is beyond 64 bits");
      if (error != std::errc() || size < 0) refuse("shape must hold integers from 0");
      at_ += static_cast<size_t>(end - first);
      accept('L');  // written by Python 2
      header_.shape.push_back(size);
      if (header_.shape.size() > max_npy_dims) refuse("more than {} dimensions", max_npy_dims);
      if (accept(',')) continue;
      // Python writes (3,): without the comma it would be a number.
      if (header_.shape.size() == 1 || !peek(')')) refuse("',' or ')' is wanted at byte {} of the header", at_);
    }
  }

  std::string_view text_, name_;
  mrun_code code_;
  size_t at_ = 0;
  Header header_;
};

Shape column_major(const Shape &shape) {
  Shape strides;
  int64_t step = 1;
  for (const int64_t d : shape) {
    strides.push_back(step);
    step *= std::max<int64_t>(d, 1);
  }
  return strides;
}

Tensor widened(const Tensor &bfloat16) {
  const Tensor in = bfloat16.contiguous();
  Tensor out = Tensor::empty(dtype::float32, in.shape());
  for (int64_t i = 0; i < in.numel(); ++i) out.data<float>()[i] = from_bfloat16(in.data<const uint16_t>()[i]);
  return out;
}

}  // namespace

Tensor read_npy(const Tensor &bytes, std::string_view raw_name, mrun_code code) {
  const std::string name = printable(raw_name);
  if (!bytes.bytes().starts_with(npy_magic)) {
    const std::string_view kind = file_kind(bytes.bytes());
    if (!kind.empty()) fail(code, "{}: is not a .npy file: it is {}", name, kind);
    fail(code, "{}: is not a .npy file: it does not begin with \\x93NUMPY", name);
  }
  ByteReader reader(bytes.bytes(), name, code);
  reader.take(npy_magic.size());
  const unsigned major = reader.get<uint8_t>(), minor = reader.get<uint8_t>();
  if (major < 1 || major > 3 || minor != 0) {
    fail(code, "{}: .npy version {}.{}; 1.0, 2.0 and 3.0 are known", name, major, minor);
  }
  const size_t length = major == 1 ? reader.get<uint16_t>() : reader.get<uint32_t>();
  if (length > max_npy_header)
    fail(code, "{}: damaged .npy header: {}, at most {} are allowed", name, counted(length, "byte"), max_npy_header);
  const Header header = HeaderParser(reader.take(length), name, code).run();
  const auto size = checked_nbytes(header.type, header.shape);
  if (!size) fail(code, "{}: a shape of {} is too large", name, shape_text(header.shape));
  if (static_cast<uint64_t>(*size) != reader.remaining()) {
    fail(code, "{}: {} {} has {}, {} are there", name, dtype_name(header.type), shape_text(header.shape),
         counted(*size, "byte"), reader.remaining());
  }
  const Shape strides = header.column_major ? column_major(header.shape) : Shape{};
  return typed_view(bytes, reader.position(), header.type, header.shape, strides, name, code);
}

std::string write_npy(const Tensor &given) {
  if (!given.on_cpu()) fail(MRUN_ARGUMENT, ".npy: {} is not on the CPU", describe(given.c()));
  const Tensor t = given.dtype() == dtype::bfloat16 ? widened(given) : given.contiguous();
  const auto named =
      std::find_if(std::begin(npy_types), std::end(npy_types), [&](const NpyType &d) { return d.type == t.dtype(); });
  if (named == std::end(npy_types)) fail(MRUN_ARGUMENT, ".npy cannot hold dtype {}", dtype_name(t.dtype()));
  std::string shape;
  for (int32_t d = 0; d < t.dim(); ++d)
    shape += fmt::format("{}{}", t.size(d), d + 1 < t.dim() || t.dim() == 1 ? "," : "");
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   item_size(t.dtype()) == 1 ? '|' : '<', named->name, shape);
  const size_t before = npy_magic.size() + 4, used = before + header.size() + 1;
  header.append((npy_alignment - used % npy_alignment) % npy_alignment, ' ');
  header += '\n';
  std::string file(npy_magic);
  put<uint8_t>(file, 1);
  put<uint8_t>(file, 0);
  put<uint16_t>(file, header.size());
  file.reserve(file.size() + header.size() + t.nbytes());
  return file.append(header).append(t.bytes());
}

}  // namespace mrun
