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
// Whether bytes, or the first of them, are a pickle's, whatever they are called: they have its mark and read as one, or
// call something that they import (protocols 0 and 1 have no mark).
bool reads_as_pickle(std::string_view);
// The pickle of a model for mobile devices: its operators are texts in it.
void scan_bytecode(std::string_view, const std::string &where, Findings &);
// A TorchScript source: the operators that reach outside, and what runs while it is loaded.
void scan_torchscript(std::string_view, const std::string &where, Findings &);
// JSON of a model: the operators of an exported program, what Keras makes by names.
void scan_exported(std::string_view, const std::string &where, Findings &);

// Bytes of any of the kinds that are known, by what they are and how they are called; gives the kind, or nothing.
std::string scan_source(const Source &, const std::string &name, Findings &);

// A file of any of the kinds that are known, or a folder: {"path", "kind", "verdict": "data" | "code" | "unsafe",
// "findings": [{"where", "what", "verdict"}], the worst first}. Throws INPUT for what is of no known kind, BUNDLE for a
// damaged .mb file, IO. SCAN.md.
Value scan(const std::filesystem::path &);

}  // namespace mrun
