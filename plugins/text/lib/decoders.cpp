#include "decoders.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "budget.h"
#include "byte_level.h"
#include "normalizers.h"
#include "polling.h"
#include "utf8.h"

namespace text {
namespace {

void replace_all(std::string &s, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  size_t found = s.find(from);
  if (found == std::string::npos) return;
  std::string out;
  out.reserve(s.size());
  size_t done = 0;
  for (; found != std::string::npos; found = s.find(from, done)) {
    out.append(s, done, found - done).append(to);
    done = found + from.size();
  }
  s = out.append(s, done);
}

// Spaces that English writing does not have.
void clean_up(std::string &s) {
  static constexpr std::pair<std::string_view, std::string_view> rules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto &[from, to] : rules) replace_all(s, from, to);
}

class ByteLevel final : public Decoder {
 public:
  void run(std::vector<std::string> &tokens) const override {
    std::string bytes;
    for (const std::string &t : tokens) {
      const auto some = letters_to_bytes(t);
      bytes += some ? *some : t;
    }
    tokens = {utf8_repair(bytes)};
  }
};

class WordPiece final : public Decoder {
 public:
  explicit WordPiece(const Json &j)
      : prefix_(string_member(j, "prefix", "##")), cleanup_(bool_member(j, "cleanup", true)) {}
  void run(std::vector<std::string> &tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string &t = tokens[i];
      if (i > 0) t = t.starts_with(prefix_) ? t.substr(prefix_.size()) : ' ' + t;
      if (cleanup_) clean_up(t);
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class Metaspace final : public Decoder {
 public:
  explicit Metaspace(const Json &j)
      : mark_(string_member(j, "replacement")),
        prepended_(string_member(j, "prepend_scheme", bool_member(j, "add_prefix_space", true) ? "always" : "never") !=
                   "never") {}
  void run(std::vector<std::string> &tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], mark_, i == 0 && prepended_ ? "" : " ");
  }

 private:
  std::string mark_;
  bool prepended_;
};

class Bpe final : public Decoder {
 public:
  explicit Bpe(const Json &j) : suffix_(string_member(j, "suffix", "</w>")) {}
  void run(std::vector<std::string> &tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }

 private:
  std::string suffix_;
};

class Ctc final : public Decoder {
 public:
  explicit Ctc(const Json &j)
      : pad_(string_member(j, "pad_token", "<pad>")),
        delimiter_(string_member(j, "word_delimiter_token", "|")),
        cleanup_(bool_member(j, "cleanup", true)) {}
  void run(std::vector<std::string> &tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string &t : tokens) {
      replace_all(t, pad_, "");
      if (!cleanup_) continue;
      clean_up(t);
      replace_all(t, delimiter_, " ");
    }
    std::erase_if(tokens, [](const std::string &t) { return t.empty(); });
  }

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

class Replace final : public Decoder {
 public:
  explicit Replace(const Json &j) : pattern_(member(j, "pattern")), content_(string_member(j, "content")) {}
  void run(std::vector<std::string> &tokens) const override {
    Growth growth(0);
    size_t made = 0;
    for (std::string &t : tokens) {
      std::string out;
      size_t done = 0;
      pattern_.each(t, [&](uint32_t begin, uint32_t end) {
        growth.to(made + out.size() + begin - done + content_.size());
        Polling::now();
        out.append(t, done, begin - done);
        out += content_;
        done = end;
      });
      out.append(t, done);
      made += out.size();
      t.swap(out);
    }
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class Fuse final : public Decoder {
 public:
  void run(std::vector<std::string> &tokens) const override {
    tokens = {std::accumulate(tokens.begin(), tokens.end(), std::string())};
  }
};

class Strip final : public Decoder {
 public:
  explicit Strip(const Json &j)
      : content_(string_member(j, "content")), start_(uint_member(j, "start")), stop_(uint_member(j, "stop")) {
    if (utf8_length(content_) != 1) bad_config("Strip: \"content\" is not one character");
  }
  void run(std::vector<std::string> &tokens) const override {
    for (std::string &t : tokens) {
      size_t begin = 0, end = t.size();
      for (uint32_t i = 0; i < start_ && t.compare(begin, content_.size(), content_) == 0; ++i)
        begin += content_.size();
      for (uint32_t i = 0; i < stop_ && end >= begin + content_.size() &&
                           t.compare(end - content_.size(), content_.size(), content_) == 0;
           ++i)
        end -= content_.size();
      t = t.substr(begin, end - begin);
    }
  }

 private:
  std::string content_;
  uint32_t start_, stop_;
};

class ByteFallback final : public Decoder {
 public:
  void run(std::vector<std::string> &tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    auto flush = [&] {
      if (bytes.empty()) return;
      if (utf8_valid_prefix(bytes) == bytes.size()) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\ufffd");
      }
      bytes.clear();
    };
    for (std::string &t : tokens) {
      if (const int b = byte_of(t); b >= 0) {
        bytes += char(b);
      } else {
        flush();
        out.push_back(std::move(t));
      }
    }
    flush();
    tokens.swap(out);
  }

 private:
  static int byte_of(const std::string &t) {  // "<0x0A>"
    if (t.size() != 6 || !t.starts_with("<0x") || t[5] != '>') return -1;
    unsigned value = 0;
    const char *end = t.data() + 5;
    const auto read = std::from_chars(t.data() + 3, end, value, 16);
    return read.ec == std::errc() && read.ptr == end ? int(value) : -1;
  }
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(const Json &j) {
    for (const Json &one : array_member(j, "decoders"))
      if (auto part = make_decoder(one)) parts_.push_back(std::move(part));
  }
  void run(std::vector<std::string> &tokens) const override {
    for (const auto &part : parts_) part->run(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Json &j) {
  if (j.is_null()) return nullptr;
  const std::string &type = string_member(j, "type");
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "WordPiece") return std::make_unique<WordPiece>(j);
  if (type == "Metaspace") return std::make_unique<Metaspace>(j);
  if (type == "BPEDecoder") return std::make_unique<Bpe>(j);
  if (type == "CTC") return std::make_unique<Ctc>(j);
  if (type == "Replace") return std::make_unique<Replace>(j);
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") return std::make_unique<Strip>(j);
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Sequence") return std::make_unique<DecoderSequence>(j);
  bad_config("no decoder is called \"" + type + '"');
}

}  // namespace text
