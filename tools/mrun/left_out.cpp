#include "left_out.h"

#include <optional>

#include "report.h"

namespace command {

void warn_left_out(const View &sentences) {
  for (size_t i = 0; i < sentences.size(); ++i) warn(sentences[i].text());
}

void warn_left_out(const mrun::bundle &bundle) {
  constexpr size_t most = 10;
  const mrun::variant parsed = mrun::from_json(bundle.inspect("left_out"));
  const View sentences{&parsed.c()};
  size_t named = 0, files = 0, lines = 0;  // told, and those beyond that: of files, of lines of scripts
  for (size_t i = 0; i < sentences.size(); ++i) {
    const std::string sentence = sentences[i].text();
    if (sentence.starts_with('.') || sentence.find("/.") < sentence.find(':')) continue;
    if (named == most) {
      ++(sentence.find(": not part of a bundle") != std::string::npos ? files : lines);
      continue;
    }
    warn(sentence);
    ++named;
  }
  if (lines > 0) warn(mrun::counted(lines, "more notice", "more notices") + " like these");
  if (files > 0) warn(mrun::counted(files, "more file", "more files") + " left out");
}

std::string telling_left_out(const std::string &folder, const std::function<int(char **, mrun_error *)> &pack) {
  try {
    return mrun::host_detail::string_of(pack);
  } catch (const mrun::failure &e) {
    if (e.code == MRUN_USAGE) throw;  // what was asked is wrong, not what the folder has
    std::optional<mrun::bundle> bundle;
    try {
      bundle.emplace(folder.c_str());
    } catch (const mrun::failure &) {}  // that is what failed
    if (bundle) warn_left_out(*bundle);
    throw;
  }
}

}  // namespace command
