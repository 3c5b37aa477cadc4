#include "screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "files.h"
#include "standard_output.h"
#include "view.h"

namespace command {
namespace {

bool begins_character(char c) { return (c & 0xC0) != 0x80; }

std::string clipped(const std::string &line, size_t columns) {
  if (columns == 0 || width_of(line) <= columns) return line;
  std::string out;
  size_t width = 0;
  for (const char c : line) {
    if (begins_character(c) && ++width == columns) break;
    out += c;
  }
  return out + "…";
}

// How many lines each section may show when all of them share `room`: one after the other gets one more.
std::vector<size_t> shares(const std::vector<Section> &sections, size_t room) {
  std::vector<size_t> share(sections.size(), 0);
  for (const bool filler : {false, true}) {
    for (bool more = true; more && room > 0;) {
      more = false;
      for (size_t i = 0; i < sections.size() && room > 0; ++i) {
        if (sections[i].filler != filler || share[i] == sections[i].lines.size()) continue;
        ++share[i];
        --room;
        more = true;
      }
    }
  }
  return share;
}

}  // namespace

size_t width_of(const std::string &utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), begins_character));
}

TerminalSize terminal_size() {
  winsize size{};
  if (!is_terminal(answers_fd())) return {};
  if (ioctl(answers_fd(), TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {24, 80};
  return {size.ws_row, size.ws_col};
}

std::string fitted(const std::vector<std::string> &head, std::vector<Section> sections, const TerminalSize &size,
                   const std::string &how) {
  std::erase_if(sections, [](const Section &s) { return s.lines.empty(); });
  const size_t fixed = head.size() + sections.size() + 2;  // the line with `how`, the prompt
  const size_t room = size.rows == 0 ? SIZE_MAX : size.rows - std::min(size.rows, fixed);
  const std::vector<size_t> share = shares(sections, room);
  const auto line_of = [&](const std::string &line) { return clipped(line, size.columns) + "\n"; };
  std::string text;
  for (size_t i = 0; i < head.size(); ++i)
    text += i == 0 ? bold(clipped(head[i], size.columns)) + "\n" : line_of(head[i]);
  bool cut = false;
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section &s = sections[i];
    const bool all = share[i] == s.lines.size();
    text += bold(clipped(s.title + (all || share[i] == 0 ? "" : ", the first of them"), size.columns)) + "\n";
    for (size_t k = 0; k < share[i]; ++k) text += line_of(s.lines[k]);
    cut = cut || !all;
  }
  return cut ? text + line_of(how) : text;
}

std::vector<std::string> columns(const std::vector<std::vector<std::string>> &rows, size_t widest) {
  std::vector<size_t> widths;
  for (const auto &row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], std::min(width_of(row[i]), widest));
  }
  std::vector<std::string> lines;
  for (const auto &row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      line += " " + row[i];
      if (i + 1 == row.size()) break;
      const size_t width = width_of(row[i]);
      line += std::string(width < widths[i] ? widths[i] - width + 1 : 1, ' ');
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> wrapped(const std::vector<std::string> &words, size_t width, const std::string &indent) {
  std::vector<std::string> lines;
  for (const std::string &word : words) {
    if (lines.empty() || width_of(lines.back()) + 1 + width_of(word) > width) {
      lines.push_back(indent + word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

std::vector<std::string> words_of(const std::string &text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string labelled(const std::string &label, size_t column, const std::string &text) {
  constexpr size_t least = 28, little = 4;  // beside the label; before what stands below it
  const size_t columns = terminal_size().columns;
  if (columns == 0) return padded(label, column) + text + "\n";
  const bool below = !label.empty() && columns < column + least;
  std::string out = below ? label + "\n" : "";
  for (const std::string &line : wrapped(words_of(text), columns, std::string(below ? little : column, ' '))) {
    const bool first = out.empty();
    out += (first ? padded(label, column) + line.substr(column) : line) + "\n";
  }
  return out.empty() ? label + "\n" : out;
}

}  // namespace command
