#include "manual.h"

#include <mrun/mrun.hpp>

#include <filesystem>

#include "base/file.h"
#include "completion.h"
#include "files.h"
#include "view.h"

namespace command {
namespace {

namespace fs = std::filesystem;

// Text for troff as it is: nothing in it is a command, and what a user types can be copied from the page.
std::string roff(const std::string &text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '`': out += "\\(ga"; break;
      case '\'': out += "\\(aq"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c;
    }
  }
  return out;
}

std::string head(const std::string &name, const std::string &summary, const std::string &usage) {
  std::string title = name;
  for (char &c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return ".TH " + roff(title) + " 1 \"\" \"mrun " + mrun_version() + "\" \"User Commands\"\n.SH NAME\n" + roff(name) +
         " \\- " + roff(summary) + "\n.SH SYNOPSIS\n.B mrun\n" + roff(usage) + "\n";
}

std::string entry_of(const Choice &c) {
  const std::string value = c.value.empty() ? "" : " \\fI" + roff(c.value) + "\\fR";
  return ".TP\n\\fB" + roff(joined(c.names, ", ")) + "\\fR" + value + "\n" + roff(c.text) + "\n";
}

std::string options_of(const Page &page) {
  std::string arguments, options;
  for (const Choice &c : page.choices) (c.positional ? arguments : options) += entry_of(c);
  return (arguments.empty() ? "" : ".SH ARGUMENTS\n" + arguments) + ".SH OPTIONS\n" + options;
}

std::string man_page(const Page &page) {
  return head("mrun-" + page.name, page.summary, page.usage) + ".SH DESCRIPTION\n" + roff(page.text) + "\n" +
         options_of(page) + ".SH SEE ALSO\n.BR mrun (1)\n";
}

std::string man_overview(const std::vector<Page> &pages, const std::string &overview) {
  std::string text = head("mrun", "run a model with its code from one file", pages[0].usage) +
                     ".SH DESCRIPTION\n.nf\n" + roff(overview) + ".fi\n" + options_of(pages[0]) + ".SH SEE ALSO\n";
  for (size_t i = 1; i < pages.size(); ++i) text += ".BR mrun\\-" + roff(pages[i].name) + " (1),\n";
  return text + ".BR mrun (3),\n.BR mrun\\-plugin (3),\n.BR mrun\\-bundle (5)\n";
}

// The folder may hold pages of others, so that only the files are drafts.
void write(const fs::path &path, const std::string &text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw mrun::failure(MRUN_IO, shown(path.parent_path().string()) + ": cannot be made: " + error.message());
  with_files([&] { mrun::write_file_atomic(path, text); });
}

}  // namespace

void write_manual(const std::string &folder, const std::vector<SubcommandEntry> &entries, const std::string &overview) {
  std::vector<Page> pages;
  for (const SubcommandEntry &entry : entries) pages.push_back(describe(entry));
  const fs::path root = folder;
  write(root / "man1/mrun.1", man_overview(pages, overview));
  for (size_t i = 1; i < pages.size(); ++i) write(root / "man1" / ("mrun-" + pages[i].name + ".1"), man_page(pages[i]));
  write(root / "completion/mrun.bash", bash_completion(pages));
  write(root / "completion/_mrun", zsh_completion(pages));
  write(root / "completion/mrun.fish", fish_completion(pages));
}

}  // namespace command
