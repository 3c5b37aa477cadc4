#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utf16.h"
#include "value/json_advice.h"
#include "value/json_look.h"

namespace mrun {
namespace {

// How far the parser has read: a callback knows from it where its token ends.
struct Progress {
  const char *seen = nullptr, *next_look = nullptr;
  const Look *look = nullptr;

  void move(const char *to) {
    seen = to;
    if (to < next_look) return;
    next_look = to + json_look;
    if (*look) (*look)();
  }
};

// The parser's input.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;
  reference operator*() const { return *at; }
  Cursor &operator++() {
    progress->move(++at);
    return *this;
  }
  bool operator==(const Cursor &other) const { return at == other.at; }
  bool operator!=(const Cursor &other) const { return at != other.at; }
  const char *at;
  Progress *progress;
};

// Builds the value from the parser's events, in a stack of its own: depth is a limit of the text's, not of the thread's.
class Builder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Builder(std::string_view text, const JsonSource &source, const Look &look)
      : text_(text), source_(source), look_(look) {}

  Value run() {
    if (text_.starts_with("\xEF\xBB\xBF")) {
      refuse(0, "begins with a byte order mark; save the file as UTF-8 without one");
    }
    if (is_utf16(text_)) refuse(0, "is UTF-16; save the file as UTF-8");
    // nlohmann's lexer takes a zero byte for the end of the text.
    const size_t zero = text_.find('\0');
    if (zero != std::string_view::npos) refuse(zero + 1, "a zero byte, which JSON cannot hold");
    const char *const end = text_.data() + text_.size();
    progress_ = {text_.data(), text_.data(), &look_};
    nlohmann::json::sax_parse(Cursor{text_.data(), &progress_}, Cursor{end, &progress_}, this);
    return std::move(result_);
  }

  bool null() { return add(Value()); }
  bool boolean(bool b) { return add(Value::boolean(b)); }
  // Only with a minus sign: 0 is "-0", whose sign an integer would lose.
  bool number_integer(number_integer_t i) { return add(i == 0 ? Value::number(-0.0) : Value::integer(i)); }
  bool number_unsigned(number_unsigned_t u) {
    if (u > INT64_MAX) refuse_integer(std::to_string(u));
    return add(Value::integer(static_cast<int64_t>(u)));
  }
  // Integers that the library has no type for come here, too.
  bool number_float(number_float_t d, const string_t &text) {
    if (text.find_first_not_of("-0123456789") == string_t::npos) refuse_integer(text);
    return add(Value::number(text.find_first_not_of("-+.eE0123456789") == string_t::npos ? d : number_of(text, d)));
  }
  bool string(string_t &s) { return add(Value::string(s)); }
  bool binary(binary_t &) { return false; }
  bool start_array(size_t) { return start(false); }
  bool start_object(size_t) { return start(true); }
  bool key(string_t &k) {
    frames_.back().key = std::move(k);
    return true;
  }
  bool end_array() {
    Value list = Value::list(std::move(frames_.back().items));
    frames_.pop_back();
    return add(std::move(list));
  }
  bool end_object() {
    auto entries = std::move(frames_.back().entries);
    frames_.pop_back();
    const auto less = [](const auto &a, const auto &b) { return a.first < b.first; };
    if (!std::is_sorted(entries.begin(), entries.end(), less)) std::sort(entries.begin(), entries.end(), less);
    const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                          [](const auto &a, const auto &b) { return a.first == b.first; });
    if (twice != entries.end()) {
      refuse(consumed(), fmt::format("the key '{}' is twice in the object that ends here", twice->first));
    }
    return add(Value::map(std::move(entries)));
  }
  // The library says "… syntax error while parsing value - unexpected ']'; expected …": the last part is kept. Of an empty
  // text a newer one says something else.
  bool parse_error(size_t position, const std::string &, const nlohmann::json::exception &e) {
    const std::string_view message = e.what();
    const size_t dash = message.find(" - "), bracket = message.find("] ");
    const std::string_view said = message.substr(dash != std::string_view::npos ? dash + 3 : bracket + 2);
    refuse(position, json_advice(text_.empty() ? "unexpected end of input" : said, text_, position));
  }

 private:
  struct Frame {
    bool is_map;
    std::string key;  // of the value that comes next
    std::vector<Value> items;
    std::vector<std::pair<std::string, Value>> entries;
  };

  bool start(bool is_map) {
    if (frames_.size() == source_.depth) {
      refuse(consumed(), fmt::format("lists and objects nest deeper than {} levels", source_.depth));
    }
    frames_.push_back({is_map, {}, {}, {}});
    return true;
  }

  bool add(Value value) {
    if (frames_.empty()) {
      result_ = std::move(value);
    } else if (Frame &frame = frames_.back(); frame.is_map) {
      frame.entries.emplace_back(std::move(frame.key), std::move(value));
    } else {
      frame.items.push_back(std::move(value));
    }
    return true;
  }

  // The library puts the first byte of the locale's decimal point into its text of a number, and reads that by strtod:
  // where the point has several bytes, what follows it is lost. read: what it took the text for.
  static double number_of(std::string text, double read) {
    text[text.find_first_not_of("-+eE0123456789")] = '.';
    std::from_chars(text.data(), text.data() + text.size(), read);
    return read;
  }

  [[noreturn]] void refuse_integer(std::string_view digits) const {
    refuse(consumed(), fmt::format("the integer {} is beyond int64 and would be rounded; write it as a text, or with a "
                                   "fraction where it may be",
                                   printable(digits, 40)));
  }

  size_t consumed() const { return static_cast<size_t>(progress_.seen - text_.data()); }

  // `end`: how many bytes were read when the fault was seen.
  [[noreturn]] void refuse(size_t end, std::string_view why) const {
    const std::string_view before = text_.substr(0, end == 0 ? 0 : end - 1);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t newline = before.rfind('\n');
    const size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    fail(source_.code, "{}: line {}, column {}: {}", printable(source_.name), line, column, printable(why));
  }

  std::string_view text_;
  const JsonSource &source_;
  const Look &look_;
  Progress progress_;
  std::vector<Frame> frames_;
  Value result_;
};

}  // namespace

Value parse_json(std::string_view text, const JsonSource &source, const Look &look) {
  return Builder(text, source, look).run();
}

Value parse_json(std::string_view text, const JsonSource &source) { return parse_json(text, source, {}); }

}  // namespace mrun
