// Sections of text fitted to a terminal; whole where the output is no terminal.
#pragma once
#include <string>
#include <vector>

namespace command {

struct Section {
  std::string title;               // "tensors (120, 44.6 MiB)"
  std::vector<std::string> lines;  // without newline
  bool filler = false;             // gets what room the others leave
};

// Rows and columns of the terminal that standard output is; none (0) where it is not one.
struct TerminalSize {
  size_t rows = 0, columns = 0;
};
TerminalSize terminal_size();

// `head`, of which the first line is the title, and every section's title are shown whole. On a terminal the sections'
// lines share what is left of the screen, one line each in turn; where that is not enough, titles say so and `how` ends
// it all. Lines are cut to the width.
std::string fitted(const std::vector<std::string> &head, std::vector<Section> sections, const TerminalSize &,
                   const std::string &how);

// Rows as columns, each as wide as its widest cell but at most `widest`; the last one is not padded.
std::vector<std::string> columns(const std::vector<std::vector<std::string>> &rows, size_t widest = 44);
// Words over lines of at most `width` characters, each begun with `indent`.
std::vector<std::string> wrapped(const std::vector<std::string> &words, size_t width, const std::string &indent);
std::vector<std::string> words_of(const std::string &text);
// A label, then a text from `column` on: over several lines on a terminal, below the label where beside it there is no room.
std::string labelled(const std::string &label, size_t column, const std::string &text);
size_t width_of(const std::string &utf8);  // in characters

}  // namespace command
