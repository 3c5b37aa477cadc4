#include "json_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <vector>

#include "polling.h"

namespace text {
namespace {

constexpr size_t max_json_bytes = size_t(512) << 20;
constexpr size_t max_depth = 32;  // deeper nesting than any tokenizer has would only serve to exhaust the stack

const std::array<double, 309> &powers_of_ten() {
  static const auto powers = [] {
    std::array<double, 309> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = std::strtod(("1e" + std::to_string(i)).c_str(), nullptr);
    return out;
  }();
  return powers;
}

double scaled(uint64_t digits, int exponent) {
  constexpr int most = 308;
  auto f = double(digits);
  while (exponent < -most && f != 0) {
    f /= powers_of_ten()[most];
    exponent += most;
  }
  if (f == 0) return f;
  if (exponent > most) return std::numeric_limits<double>::infinity();
  return exponent < 0 ? f / powers_of_ten()[size_t(-exponent)] : f * powers_of_ten()[size_t(exponent)];
}

// What a file that is no JSON is, where that is easy to tell, and what to do with it.
std::string other_file(std::string_view s) {
  const std::string_view line = s.substr(0, std::min(s.find('\n'), size_t(256)));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_base64 = [&](char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' || c == '/' || c == '=';
  };
  const size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space), rank = space == line.npos ? "" : line.substr(space + 1);
  const bool tiktoken = !word.empty() && !rank.empty() && word.size() % 4 == 0 &&
                        std::all_of(word.begin(), word.end(), is_base64) &&
                        std::all_of(rank.begin(), rank.end(), is_digit);
  if (tiktoken) return ". It looks like a vocabulary of tiktoken: text.tiktoken opens those";
  if (line.starts_with("[PAD]") || s.find("\n[CLS]") != s.npos)
    return ". It looks like BERT's vocab.txt: text.wordpiece opens those";
  if (s.starts_with("\n\x0e\n") || s.find("<unk>") < 64)
    return ". It looks like a sentencepiece model: text.sentencepiece opens those";
  return "";
}

// Builds the values; the names are those of nlohmann's interface.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::string_view text) : text_(text) {}
  Json take() { return std::move(root_); }
  bool null() override { return put(nullptr); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(number_integer_t v) override { return put(v); }
  bool number_unsigned(number_unsigned_t v) override { return put(v); }
  bool number_float(number_float_t, const string_t &spelled) override { return put(two_roundings(spelled)); }
  bool string(string_t &v) override { return put(std::move(v)); }
  bool binary(binary_t &) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool key(string_t &v) override {
    member_ = &(*open_.back())[v];
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(size_t, const std::string &, const nlohmann::detail::exception &e) override {
    const std::string_view what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 1: …"
    const size_t begin = what.find("] ");
    bad_config("not JSON: " + std::string(begin == what.npos ? what : what.substr(begin + 2)) + other_file(text_));
  }

 private:
  Json &place(Json &&v) {
    Polling::now();
    if (open_.empty()) return root_ = std::move(v);
    Json &in = *open_.back();
    if (in.is_object()) return *member_ = std::move(v);
    in.push_back(std::move(v));
    return in.back();
  }
  bool put(Json &&v) {
    place(std::move(v));
    return true;
  }
  bool open(Json &&v) {
    if (open_.size() >= max_depth) bad_config("nested too deeply");
    open_.push_back(&place(std::move(v)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  std::string_view text_;
  Json root_;
  std::vector<Json *> open_;  // from the outermost in; none moves while it is open
  Json *member_ = nullptr;    // what the last key names
};

}  // namespace

double two_roundings(std::string_view number) {
  uint64_t digits = 0;
  int exponent = 0;
  bool full = false, fraction = false;
  size_t at = number[0] == '-';
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.') {
      fraction = true;
      continue;
    }
    const auto digit = uint64_t(number[at] - '0');
    full = full || digits > (UINT64_MAX - digit) / 10;
    if (!full) digits = digits * 10 + digit;
    exponent += int(full) - int(fraction);
  }
  if (at < number.size()) {
    constexpr int far = 100000;
    int written = 0;
    const size_t from = at + 1 + (number[at + 1] == '+');
    const auto [end, error] = std::from_chars(number.data() + from, number.data() + number.size(), written);
    if (error != std::errc()) written = number[from] == '-' ? -far : far;
    exponent += std::min(std::max(written, -far), far);
  }
  const double f = scaled(digits, exponent);
  return number[0] == '-' ? -f : f;
}

Json read_json(std::string_view s) {
  if (s.size() > max_json_bytes) bad_config("larger than 512 MiB");
  Builder builder(s);
  Json::sax_parse(s, &builder);
  return builder.take();
}

}  // namespace text
