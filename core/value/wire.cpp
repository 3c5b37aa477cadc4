#include "value/wire.h"

#include <algorithm>
#include <mrun/message.hpp>

#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t alignment = 64;
constexpr uint8_t read_only_flag = 1, beside_flag = 2;
constexpr uint32_t wire_magic = 0x6e75726du;  // "mrun"
constexpr int32_t most_dims = 64;             // as value/dlpack takes
constexpr size_t usual_size = 512;            // of a message
constexpr uint64_t usual_entries = 16;        // of a table

// What begins each part: a reader that is out of step sees it at once.
enum Part : uint8_t { number_part = 1, integer_part, text_part, value_part, error_part };

size_t padding_at(size_t position) { return (alignment - position % alignment) % alignment; }

}  // namespace

// ---- writing

WireWriter::WireWriter(size_t beside) : beside_from_(beside) {
  out_.reserve(usual_size);
  put<uint32_t>(out_, wire_magic);
  put<uint32_t>(out_, wire_version);
}

void WireWriter::string(std::string_view s) {
  put<uint64_t>(out_, s.size());
  out_ += s;
}

WireWriter &WireWriter::number(double x) {
  put<uint8_t>(out_, number_part);
  put<double>(out_, x);
  return *this;
}

WireWriter &WireWriter::integer(int64_t i) {
  put<uint8_t>(out_, integer_part);
  put<int64_t>(out_, i);
  return *this;
}

WireWriter &WireWriter::text(std::string_view s) {
  put<uint8_t>(out_, text_part);
  if (valid_utf8(s)) {
    string(s);
  } else {
    string(printable(s, SIZE_MAX));
  }
  return *this;
}

WireWriter &WireWriter::value(const Value &v) {
  put<uint8_t>(out_, value_part);
  nested(v, 0);
  return *this;
}

WireWriter &WireWriter::error(const Error &e) {
  put<uint8_t>(out_, error_part);
  integer(e.code);
  if (e.code == MRUN_OK) return *this;
  integer(e.line);
  for (const std::string *s : {&e.message, &e.stage, &e.script, &e.source, &e.operation, &e.argument, &e.traceback}) {
    text(*s);
  }
  return *this;
}

void WireWriter::tensor(const Tensor &given) {
  const std::string media(given.media_type());
  if (!given.on_cpu()) fail(MRUN_USAGE, "a tensor on {} cannot leave the process", device_name(given.dl().device));
  const Tensor t = given.contiguous();
  put<uint8_t>(out_, t.dtype().code);
  put<uint8_t>(out_, t.dtype().bits);
  put<uint16_t>(out_, t.dtype().lanes);
  const bool apart = t.nbytes() >= beside_from_;
  put<uint8_t>(out_, (given.readonly() ? read_only_flag : 0) | (apart ? beside_flag : 0));
  put<int32_t>(out_, t.dim());
  for (const int64_t d : t.shape()) put<int64_t>(out_, d);
  string(media);
  if (apart) {
    beside_.push_back(t);
    beside_size_ = aligned(beside_size_) + t.nbytes();
    return;
  }
  out_.append(padding_at(out_.size()), '\0');
  out_ += t.bytes();
}

void WireWriter::nested(const Value &v, size_t depth) {
  if (depth > wire_depth) fail(MRUN_USAGE, "lists and tables nest deeper than {} levels", wire_depth);
  put<uint8_t>(out_, static_cast<uint8_t>(v.kind()));
  switch (v.kind()) {
    case MRUN_NIL: return;
    case MRUN_BOOL: return put<uint8_t>(out_, v.as_bool() ? 1 : 0);
    case MRUN_INT: return put<int64_t>(out_, v.as_int());
    case MRUN_FLOAT: return put<double>(out_, v.as_number());
    case MRUN_STRING:
      if (!valid_utf8(v.as_string())) fail(MRUN_USAGE, "{} is not UTF-8", describe(v.c()));
      return string(v.as_string());
    case MRUN_TENSOR: return tensor(v.as_tensor());
    case MRUN_LIST:
      put<uint64_t>(out_, v.as_list().size());
      for (const Value &item : v.as_list()) nested(item, depth + 1);
      return;
    case MRUN_MAP:
      put<uint64_t>(out_, v.as_map().size());
      for (const Entry &e : v.as_map()) {
        string(e.key());
        nested(e.value(), depth + 1);
      }
      return;
    default: fail(MRUN_USAGE, "{} cannot leave the process", describe(v.c()));
  }
}

// ---- reading

WireReader::WireReader(const Tensor &message, std::string_view sender, Tensor beside, size_t most_values)
    : message_(message),
      beside_(std::move(beside)),
      values_left_(most_values),
      sender_(sender),
      in_(message_.bytes(), sender_, MRUN_PROTOCOL) {
  if (in_.get<uint32_t>() != wire_magic) refuse("this is no message of mrun's");
  const auto version = in_.get<uint32_t>();
  if (version != wire_version) refuse(fmt::format("speaks version {}, {} is wanted", version, wire_version));
}

void WireReader::refuse(const std::string &what) const {
  fail(MRUN_PROTOCOL, "{}: {} (byte {})", sender_, what, in_.position());
}

void WireReader::want(uint8_t part) {
  const auto got = in_.get<uint8_t>();
  if (got != part) refuse(fmt::format("part {} where {} is wanted", got, part));
}

std::string_view WireReader::string() {
  const std::string_view s = in_.take(in_.get<uint64_t>());
  if (!valid_utf8(s)) refuse("a text is not UTF-8");
  return s;
}

double WireReader::number() {
  want(number_part);
  return in_.get<double>();
}

int64_t WireReader::integer() {
  want(integer_part);
  return in_.get<int64_t>();
}

std::string WireReader::text() {
  want(text_part);
  return std::string(string());
}

Value WireReader::value() {
  want(value_part);
  return nested(0);
}

Error WireReader::error() {
  want(error_part);
  const int64_t code = integer();
  if (code < MRUN_OK || code > MRUN_INTERNAL) refuse(fmt::format("there is no code {}", code));
  if (code == MRUN_OK) return {MRUN_OK, ""};
  const int64_t line = integer();
  if (line < 0 || line > INT32_MAX) refuse(fmt::format("there is no line {}", line));
  Error e(static_cast<mrun_code>(code), text());
  e.line = static_cast<int>(line);
  for (std::string *s : {&e.stage, &e.script, &e.source, &e.operation, &e.argument, &e.traceback}) *s = text();
  return e;
}

void WireReader::finish() const {
  if (in_.remaining() > 0) refuse(fmt::format("{} left over", counted(in_.remaining(), "byte")));
}

// What follows in the message, or in the memory beside it.
Tensor WireReader::elements(bool apart, DLDataType type, const Shape &shape, size_t bytes) {
  if (!apart) {
    in_.take(padding_at(in_.position()));
    const size_t first = in_.position();
    in_.take(bytes);
    return typed_view(message_, first, type, shape, {}, sender_, MRUN_PROTOCOL);
  }
  if (!beside_.is_tensor()) refuse("a tensor lies in memory that was not handed over");
  const size_t there = beside_.nbytes(), first = WireWriter::aligned(beside_at_);
  if (first > there || bytes > there - first) refuse("a tensor lies beyond the memory that it should be in");
  beside_at_ = first + bytes;
  return typed_view(beside_, first, type, shape, {}, sender_, MRUN_PROTOCOL);
}

Value WireReader::tensor() {
  DLDataType type{};
  type.code = in_.get<uint8_t>();
  type.bits = in_.get<uint8_t>();
  type.lanes = in_.get<uint16_t>();
  if (std::string_view(dtype_name(type)) == "?") refuse("a tensor's dtype is unknown");
  const auto flags = in_.get<uint8_t>();
  if (flags > (read_only_flag | beside_flag)) refuse("a tensor's flags are unknown");
  const auto dims = in_.get<int32_t>();
  if (dims < 0 || dims > most_dims) refuse(fmt::format("a tensor of {} dimensions", dims));
  Shape shape;
  for (int32_t d = 0; d < dims; ++d) shape.push_back(in_.get<int64_t>());
  const auto bytes = checked_nbytes(type, shape);
  if (!bytes) refuse("a tensor's shape makes no sense");
  const std::string_view media = string();
  if (!media.empty() && (dims != 1 || !(type == dtype::uint8))) refuse("a media type of what are no bytes");
  Tensor t = elements((flags & beside_flag) != 0, type, shape, static_cast<size_t>(*bytes));
  if ((flags & read_only_flag) != 0) t = t.read_only();
  return media.empty() ? t : t.with_media_type(std::string(media));
}

Value WireReader::nested(size_t depth) {
  if (depth > wire_depth) refuse(fmt::format("lists and tables nest deeper than {} levels", wire_depth));
  if (values_left_ == 0) refuse("more values than anyone may send");
  --values_left_;
  const auto kind = in_.get<uint8_t>();
  switch (kind) {
    case MRUN_NIL: return {};
    case MRUN_BOOL: {
      const auto b = in_.get<uint8_t>();
      if (b > 1) refuse("a boolean is neither 0 nor 1");
      return Value::boolean(b == 1);
    }
    case MRUN_INT: return Value::integer(in_.get<int64_t>());
    case MRUN_FLOAT: return Value::number(in_.get<double>());
    case MRUN_STRING: return Value::string(string());
    case MRUN_TENSOR: return tensor();
    case MRUN_LIST: {
      std::vector<Value> items;  // grows as they come: the count is only a claim
      for (auto n = in_.get<uint64_t>(); n > 0; --n) items.push_back(nested(depth + 1));
      return Value::list(std::move(items));
    }
    case MRUN_MAP: {
      std::vector<std::pair<std::string, Value>> entries;
      auto n = in_.get<uint64_t>();
      entries.reserve(std::min(n, usual_entries));
      for (; n > 0; --n) {
        std::string key(string());
        if (!entries.empty() && key <= entries.back().first) refuse("a table's keys are not in order");
        entries.emplace_back(std::move(key), nested(depth + 1));
      }
      return Value::map(std::move(entries));
    }
    default: refuse(fmt::format("there is no kind {}", kind));
  }
}

}  // namespace mrun
