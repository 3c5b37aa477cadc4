#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/place.h"
#include "base/text.h"
#include "value/dtype.h"
#include "value/json_look.h"

namespace mrun {
namespace {

// Characters that stand for themselves: printable ASCII without quotation mark and backslash.
size_t plain_length(std::string_view s) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  return static_cast<size_t>(std::find_if_not(s.begin(), s.end(), plain) - s.begin());
}

bool is_scalar(const Value &v) { return v.is_nil() || v.is_bool() || v.is_number(); }

class JsonWriter {
 public:
  JsonWriter(const JsonOptions &options, const Look &look) : options_(options), look_(look) {}

  std::string run(const Value &value) {
    write(value);
    check_size();
    if (options_.style == JsonOptions::Style::canonical) out_ += '\n';
    return std::move(out_);
  }

 private:
  // One step from the root to the value that is being written, for messages.
  struct Step {
    std::string_view key;  // data() null: an index
    size_t index = 0;
  };

  std::string place() const {
    std::vector<std::string> steps;
    for (const Step &step : path_) {
      if (step.key.data() == nullptr) {
        steps.push_back(fmt::format("[{}]", step.index));
      } else if (is_name(step.key)) {
        steps.push_back(fmt::format(".{}", step.key));
      } else {
        steps.push_back(fmt::format("[\"{}\"]", printable(step.key, 60)));
      }
    }
    return options_.name + place_text(steps);
  }

  static bool is_name(std::string_view s) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    if (s.empty() || s.size() > 60 || !letter(s[0])) return false;
    for (const char c : s) {
      if (!letter(c) && !(c >= '0' && c <= '9')) return false;
    }
    return true;
  }

  [[noreturn]] void refuse(std::string_view why) const { fail(options_.code, "{} {}", place(), why); }

  void check_size() const {
    if (out_.size() > options_.max_bytes) {
      fail(MRUN_QUOTA, "{} is larger than the {} bytes allowed as JSON", options_.name, options_.max_bytes);
    }
  }

  // The size measures the work: each value makes some of it.
  void look() {
    if (out_.size() < next_look_) return;
    next_look_ = out_.size() + json_look;
    check_size();
    if (look_) look_();
  }

  void write(const Value &v) {
    look();
    switch (v.kind()) {
      case MRUN_NIL: out_ += "null"; break;
      case MRUN_BOOL: out_ += v.as_bool() ? "true" : "false"; break;
      case MRUN_INT: out_ += fmt::format("{}", v.as_int()); break;
      case MRUN_FLOAT: write_float(v.as_number()); break;
      case MRUN_STRING: write_string(v.as_string()); break;
      case MRUN_LIST: write_list(v.as_list()); break;
      case MRUN_MAP: write_map(v.as_map()); break;
      case MRUN_TENSOR: write_tensor(v.as_tensor()); break;
      default: refuse(fmt::format("is {}, which JSON cannot hold", describe(v.c())));
    }
  }

  // The fewest digits that read back as the same value of type T, laid out as Python does: a power of ten only below
  // 1e-4 and from 1e16.
  template <class T>
  void write_float(T x) {
    if (std::isnan(x)) refuse("is NaN, which JSON cannot hold");
    if (std::isinf(x)) refuse(x > 0 ? "is infinity, which JSON cannot hold" : "is -infinity, which JSON cannot hold");
    char buffer[64];
    const char *const end = std::to_chars(buffer, std::end(buffer), std::abs(x), std::chars_format::scientific).ptr;
    const std::string_view text(buffer, static_cast<size_t>(end - buffer));  // "1.25e-01", "3e+00"
    const size_t e = text.find('e');
    int exponent = 0;
    std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), end, exponent);
    if (std::signbit(x)) out_ += '-';
    if (exponent < -4 || exponent >= 16) {
      out_ += text;
      return;
    }
    std::string digits(1, text[0]);
    if (e > 2) digits += text.substr(2, e - 2);
    if (exponent < 0) {
      out_ += "0.";
      out_.append(static_cast<size_t>(-exponent - 1), '0');
      out_ += digits;
      return;
    }
    const size_t whole = static_cast<size_t>(exponent) + 1;
    if (digits.size() > whole) {
      out_ += digits.insert(whole, 1, '.');
      return;
    }
    out_ += digits;
    out_.append(whole - digits.size(), '0');
    // Python marks its floats; elsewhere an integral number is shown as one.
    if (options_.style == JsonOptions::Style::canonical) out_ += ".0";
  }

  void write_string(std::string_view s) {
    out_ += '"';
    for (size_t at = 0; at < s.size();) {
      look();
      if (const size_t plain = plain_length(s.substr(at, json_look)); plain > 0) {
        out_.append(s, at, plain);
        at += plain;
        continue;
      }
      const size_t length = utf8_length(s, at);
      if (length == 0) {
        refuse(fmt::format("is not valid UTF-8 at byte {}: '{}'", at, printable(s.substr(at > 20 ? at - 20 : 0, 40))));
      }
      write_character(s.substr(at, length));
      at += length;
    }
    out_ += '"';
  }

  void write_character(std::string_view c) {
    const auto byte = static_cast<unsigned char>(c[0]);
    switch (c[0]) {
      case '"': out_ += "\\\""; return;
      case '\\': out_ += "\\\\"; return;
      case '\b': out_ += "\\b"; return;
      case '\f': out_ += "\\f"; return;
      case '\n': out_ += "\\n"; return;
      case '\r': out_ += "\\r"; return;
      case '\t': out_ += "\\t"; return;
      default: break;
    }
    if (c.size() == 1) {
      if (byte < 0x20 || byte == 0x7F) {
        out_ += fmt::format("\\u{:04x}", byte);
      } else {
        out_ += c;
      }
      return;
    }
    const uint32_t point = utf8_decode(c);
    // Controls of terminals and separators of lines.
    const bool unsafe = (point >= 0x80 && point < 0xA0) || point == 0x2028 || point == 0x2029;
    if (options_.style != JsonOptions::Style::canonical && !unsafe) {
      out_ += c;
    } else if (point < 0x10000) {
      out_ += fmt::format("\\u{:04x}", point);
    } else {
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (point >> 10), 0xDC00 + (point & 0x3FF));
    }
  }

  // Recursion ends by `depth`. Lists, maps and tensors share the brackets: open, then item() before each, then close.
  void open(char bracket) {
    if (++level_ > options_.depth) refuse(fmt::format("nests deeper than {} levels", options_.depth));
    out_ += bracket;
  }
  void item(bool first, bool flat) {
    if (!first) out_ += ',';
    if (options_.style == JsonOptions::Style::compact) return;
    if (!flat) {
      new_line();
    } else if (!first) {
      out_ += ' ';
    }
  }
  void close(char bracket, bool empty, bool flat) {
    --level_;
    if (options_.style != JsonOptions::Style::compact && !flat && !empty) new_line();
    out_ += bracket;
  }
  void new_line() {
    const int indent = options_.style == JsonOptions::Style::canonical ? 1 : options_.indent;
    out_ += '\n';
    out_.append(level_ * static_cast<size_t>(indent), ' ');
  }
  bool may_be_flat() const { return options_.style == JsonOptions::Style::pretty; }

  void write_list(std::span<const Value> items) {
    const bool flat = may_be_flat() && std::all_of(items.begin(), items.end(), is_scalar);
    open('[');
    for (size_t i = 0; i < items.size(); ++i) {
      item(i == 0, flat);
      path_.push_back({{}, i + 1});
      write(items[i]);
      path_.pop_back();
    }
    close(']', items.empty(), flat);
  }

  void write_map(std::span<const Entry> entries) {
    open('{');
    for (size_t i = 0; i < entries.size(); ++i) {
      item(i == 0, false);
      path_.push_back({entries[i].key(), 0});
      write_string(entries[i].key());
      out_ += options_.style == JsonOptions::Style::compact ? ":" : ": ";
      write(entries[i].value());
      path_.pop_back();
    }
    close('}', entries.empty(), false);
  }

  void write_tensor(const Tensor &t) {
    const bool bytes = !t.media_type().empty();
    const bool large = t.numel() > options_.max_elements;
    if ((bytes || large) && options_.save) {
      write(options_.save(t, place()));
      return;
    }
    if (!t.on_cpu())
      refuse(fmt::format("is {} on {}; move it to the CPU first", describe(t.c()), device_name(t.dl().device)));
    if (bytes) {
      write_bytes(t);
    } else if (large) {
      refuse(fmt::format(
          "is {}: tensors of more than {} elements are not printed; save them with --save DIR (mrun_save_json)",
          describe(t.c()), options_.max_elements));
    } else {
      const Tensor rows = t.contiguous();
      const char *at = rows.data<const char>();
      write_elements(rows, 0, at);
    }
  }

  void write_bytes(const Tensor &t) {
    const Tensor whole = t.contiguous();
    const Value text = Value::string(base64(whole.bytes()));
    write(Value::map({{"$bytes", text}, {"type", Value::string(t.media_type())}}));
  }

  // The elements of dimension d on from `at`, which moves on.
  void write_elements(const Tensor &t, int32_t d, const char *&at) {
    if (d == t.dim()) {
      write_element(t.dtype(), at);
      at += item_size(t.dtype());
      return;
    }
    const bool flat = may_be_flat() && d + 1 == t.dim();
    open('[');
    for (int64_t i = 0; i < t.size(d); ++i) {
      item(i == 0, flat);
      path_.push_back({{}, static_cast<size_t>(i)});
      write_elements(t, d + 1, at);
      path_.pop_back();
    }
    close(']', t.size(d) == 0, flat);
  }

  void write_element(DLDataType type, const char *at) {
    const auto write = [&]<class E>(E) {
      const auto x = E::read(at);
      if constexpr (std::is_same_v<typename E::Number, bool>)
        out_ += x ? "true" : "false";
      else if constexpr (std::is_floating_point_v<typename E::Number>)
        write_float(x);
      else
        out_ += fmt::format("{}", +x);
    };
    const char *const instead = type.code == kDLComplex ? ": answer its real and imaginary parts" : "";
    visit(type, write,
          [&] { refuse(fmt::format("is of dtype {}, which JSON cannot hold{}", dtype_name(type), instead)); });
  }

  const JsonOptions &options_;
  const Look &look_;
  std::string out_;
  std::vector<Step> path_;
  size_t level_ = 0, next_look_ = 0;
};

}  // namespace

std::string json_file(const Value &v) {
  JsonOptions options;
  options.style = JsonOptions::Style::pretty;
  options.max_elements = std::numeric_limits<int64_t>::max();
  return to_json(v, options) + "\n";
}

Value json_number(double d) {
  if (std::isfinite(d)) return Value::number(d);
  return Value::string(std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf");
}

Value json_numbers(const Value &v) {
  if (v.is_float()) return json_number(v.as_number());
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &item : v.as_list()) items.push_back(json_numbers(item));
    return Value::list(std::move(items));
  }
  if (v.is_map()) {
    std::vector<std::pair<std::string, Value>> entries;
    for (const Entry &e : v.as_map()) entries.emplace_back(e.key(), json_numbers(e.value()));
    return Value::map(std::move(entries));
  }
  return v;
}

std::string to_json(const Value &value, const JsonOptions &options, const Look &look) {
  return JsonWriter(options, look).run(value);
}

std::string to_json(const Value &value, const JsonOptions &options) { return to_json(value, options, {}); }

}  // namespace mrun
