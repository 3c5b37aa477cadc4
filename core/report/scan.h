// What in a file would run if it were loaded, found without running it: by what it is, not by what it is called.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/source.h"
#include "value/value.h"

namespace mrun {

enum class Verdict {
  data,  // nothing runs
  code,  // something runs, and nothing shows that it reaches outside: scripts in the sandbox, operators, a library's code
  unsafe  // it reaches files, processes or the network, hides what it does, or cannot be read
};

struct Finding {
  std::string where;  // "archive/data.pkl"
  std::string what;   // "imports posix.system and calls it"
  Verdict verdict = Verdict::code;
};

// What was found so far, each once; a file made to have millions of findings gets no more than are read.
class Findings {
 public:
  void add(const std::string &where, const std::string &what, Verdict);
  const std::vector<Finding> &all() const { return all_; }
  Verdict worst() const { return worst_; }

 private:
  std::vector<Finding> all_;
  std::set<std::string> seen_;
  Verdict worst_ = Verdict::data;
};

// Pickles, one after the other: their opcodes are followed as far as to know the names that they import and call.
void scan_pickle(std::string_view, const std::string &where, Findings &);
bool is_pickle(std::string_view);  // of protocol 2 or later: older ones have no mark
// A TorchScript source: the operators that reach outside, and what runs while it is loaded.
void scan_torchscript(std::string_view, const std::string &where, Findings &);
// The text of an exported program: its operators.
void scan_exported(std::string_view, const std::string &where, Findings &);

// Bytes of any of the kinds that are known, by what they are and how they are called; gives the kind, or nothing.
std::string scan_source(const Source &, const std::string &name, Findings &);

// A file of any of the kinds that are known, or a folder: {"path", "kind", "verdict": "data" | "code" | "unsafe",
// "findings": [{"where", "what", "verdict"}], the worst first}. Throws INPUT for what is of no known kind, BUNDLE for a
// damaged .mb file, IO. SCAN.md.
Value scan(const std::filesystem::path &);

}  // namespace mrun
