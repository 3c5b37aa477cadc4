// What suite.py measures: text_bench KIND MODEL TEXT. KIND: ids, tokens (with offsets and pieces), sentencepiece
// (through this library), bare (sentencepiece itself). Each line on standard input starts one run over all lines of
// TEXT, on one thread; its answer is the processor time in milliseconds and the number of tokens.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "sentencepiece.h"
#include "tokenizer.h"
#include "utf8.h"

namespace {

std::string read_file(const char *path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

double milliseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) * 1e3 + double(t.tv_nsec) / 1e6;
}

// The work of one line, as an operation does it: the text is checked, then tokenized.
std::function<size_t(const std::string &)> work(const std::string &kind, const std::string &model) {
  if (kind == "ids" || kind == "tokens") {
    auto t = std::make_shared<text::Tokenizer>(model);
    const bool ids = kind == "ids";
    return [t, ids](const std::string &s) {
      text::require_utf8(s, "the text");
      return ids ? t->encode(s, {}).size() : t->tokenize(s, {}, text::OffsetUnit::character).ids.size();
    };
  }
  if (kind == "sentencepiece") {
    auto sp = std::make_shared<text::SentencePiece>(model);
    return [sp](const std::string &s) {
      text::require_utf8(s, "the text");
      return sp->encode(s, {}).size();
    };
  }
  auto sp = std::make_shared<sentencepiece::SentencePieceProcessor>();
  if (!sp->LoadFromSerializedProto(model).ok()) throw std::runtime_error("no sentencepiece model");
  return [sp](const std::string &s) {
    std::vector<int> ids;
    if (!sp->Encode(s, &ids).ok()) throw std::runtime_error("sentencepiece failed");
    return ids.size();
  };
}

}  // namespace

int main(int count, char **args) try {
  if (count != 4) throw std::runtime_error("usage: text_bench ids|tokens|sentencepiece|bare MODEL TEXT");
  const auto one = work(args[1], read_file(args[2]));
  const std::vector<std::string> lines = lines_of(read_file(args[3]));
  for (std::string go; std::getline(std::cin, go);) {
    const double begin = milliseconds();
    size_t tokens = 0;
    for (const std::string &line : lines) tokens += one(line);
    std::cout << milliseconds() - begin << ' ' << tokens << std::endl;
  }
  return 0;
} catch (const std::exception &e) {
  std::cerr << "text_bench: " << e.what() << '\n';
  return 1;
}
