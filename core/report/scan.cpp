#include "report/scan.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/file_kind.h"
#include "base/folder_names.h"
#include "base/text.h"
#include "bundle/bundle.h"
#include "report/scan_archive.h"
#include "report/scan_kinds.h"
#include "value/safetensors.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr size_t most_of_one = size_t{512} << 20;  // bytes of an entry that is looked into
constexpr uint64_t most_of_all = uint64_t{2} << 30;
constexpr size_t most_findings = 10'000;
constexpr int deepest_archive = 4;  // archives in archives

constexpr const char *verdicts[] = {"data", "code", "unsafe"};

// The modules that a script requires, by name.
std::string requires_of(std::string_view text) {
  constexpr std::string_view word = "require";
  std::set<std::string> names;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t quote = text.find_first_not_of(" \t(", at + word.size());
    if (quote == std::string_view::npos || (text[quote] != '"' && text[quote] != '\'')) continue;
    const size_t end = text.find_first_of("\"'\n", quote + 1);
    if (end != std::string_view::npos) names.emplace(text.substr(quote + 1, end - quote - 1));
  }
  std::string list;
  for (const std::string &name : names) list += (list.empty() ? "; it requires " : ", ") + printable(name, 60);
  return list;
}

std::string head_of(const Source &source, size_t n) {
  return source.read(0, static_cast<size_t>(std::min<uint64_t>(source.size(), n)));
}

// By what a file begins with, then by its name where the beginning says nothing.
class Scanner {
 public:
  // The kind; empty: none that is known.
  std::string scan(const Source &source, const std::string &where, int depth) {
    const std::string head = head_of(source, head_size);
    if (native(head, where)) return "native code";
    std::string kind;
    if (head.starts_with(npy_mark)) kind = npy(source, where);
    if (is_safetensors(head, source.size())) kind = safetensors(source, where);
    const bool archived = ends_with_directory(source);
    if (!archived && kind.empty()) kind = packed(head, where);
    if (kind.empty() || kind == "safetensors") kind = pickled(source, where, kind, archived);
    // What begins as another thing is an archive to readers that look at its end.
    if (archived && (kind.empty() || kind == "pickle")) kind = archive(source, where, depth);
    return kind;
  }

  // A file by name alone: what runs it is somebody's choice.
  bool script(const std::string &name, std::string_view text) {
    if (!is_program_name(name) && !text.starts_with("#!")) return false;
    if (ends_with(name, {".lua"})) {
      findings.add(name, "a script, which runs in the sandbox" + requires_of(text), Verdict::code);
    } else {
      findings.add(name, "a program's text, which runs where somebody starts it", Verdict::code);
    }
    return true;
  }

  // What nothing is known of: in an archive or folder of data, some loader may be there for it.
  void unknown(const std::vector<std::string> &names, const std::string &where) {
    if (names.empty()) return;
    findings.add(where,
                 fmt::format("holds {}{}, of no kind that is known: what loads it may run it", printable(names[0], 100),
                             names.size() == 1 ? "" : fmt::format(" and {} more", names.size() - 1)),
                 Verdict::code);
  }

  explicit Scanner(Findings &found) : findings(found) {}

  Findings &findings;

 private:
  bool native(std::string_view head, const std::string &where) {
    if (!is_native_code(head)) return false;
    findings.add(where, "is native code, which does whatever its loader may", Verdict::unsafe);
    return true;
  }

  std::string packed(std::string_view head, const std::string &where) {
    const std::string packer = packer_of(head);
    if (packer.empty()) return "";
    findings.add(where, "is packed by " + packer + ", which is not looked into",
                 is_pickle_name(where) ? Verdict::unsafe : Verdict::code);
    return packer;
  }

  // Whatever else it is: to those who load it as one.
  std::string pickled(const Source &source, const std::string &where, const std::string &kind, bool archived) {
    const Tensor all = source.map(0, static_cast<size_t>(source.size()), false);
    const bool named = kind.empty() && !archived && source.size() > 0 && is_pickle_name(where);
    if (!named && !reads_as_pickle(all.bytes())) return kind;
    scan_pickle(all.bytes(), where, findings);
    return "pickle";
  }

  // Arrays of objects are a pickle behind the header.
  std::string npy(const Source &source, const std::string &where) {
    const NpyHead head = npy_head(head_of(source, npy_head_size));
    if (!head.objects) return "npy";
    findings.add(where, "an array of Python's objects, which is a pickle", Verdict::code);
    const Tensor all = source.map(0, static_cast<size_t>(source.size()), false);
    if (head.data <= source.size()) scan_pickle(all.bytes().substr(head.data), where, findings);
    return "npy";
  }

  std::string safetensors(const Source &source, const std::string &where) {
    try {
      read_safetensors(source.map(0, static_cast<size_t>(source.size()), false), printable(where));
    } catch (const Error &e) { findings.add(where, "is damaged: " + e.message, Verdict::unsafe); }
    return "safetensors";
  }

  std::string archive(const Source &source, const std::string &where, int depth) {
    try {
      const Archive all(source);
      if (all.ambiguous()) {
        findings.add(where, "has two directories: what is in it depends on who reads it", Verdict::unsafe);
      }
      std::string kind = "ZIP archive";
      overlapping(all, where);
      std::vector<std::string> others;
      for (const ArchiveEntry &e : all.entries()) {
        if (!e.overlaps && !entry(all, e, where, depth)) others.push_back(e.name);
        kind = std::max(kind, kind_by(e.name), by_rank);
      }
      if (rank(kind) == 0) unknown(others, where);  // the others have their tensors as bare bytes
      return kind;
    } catch (const Error &e) {
      findings.add(where, "is an archive that cannot be read: " + e.message, Verdict::unsafe);
      return "ZIP archive";
    }
  }

  // In one finding: there may be a million.
  void overlapping(const Archive &all, const std::string &where) {
    const auto overlaps = std::ranges::count_if(all.entries(), &ArchiveEntry::overlaps);
    if (overlaps == 0) return;
    const std::string &first = std::ranges::find_if(all.entries(), &ArchiveEntry::overlaps)->name;
    findings.add(
        where,
        fmt::format("{}{} inside another entry's bytes, as no archiver writes it: not looked into",
                    printable(first, 100), overlaps == 1 ? " begins" : fmt::format(" and {} more begin", overlaps - 1)),
        Verdict::unsafe);
  }

  static bool by_rank(const std::string &a, const std::string &b) { return rank(a) < rank(b); }
  static int rank(const std::string &kind) {
    return kind == "exported program" ? 3 : kind == "TorchScript archive" ? 2 : kind == "PyTorch archive" ? 1 : 0;
  }
  static std::string kind_by(const std::string &name) {
    if (ends_with(name, {"archive_format", "serialized_exported_program.json"})) return "exported program";
    if (name.ends_with("constants.pkl") || name.ends_with("bytecode.pkl") || in_code(name))
      return "TorchScript archive";
    return name.ends_with("data.pkl") ? "PyTorch archive" : "ZIP archive";
  }
  static bool in_code(const std::string &name) {
    return name.starts_with("code/") || name.find("/code/") != std::string::npos;
  }

  // Whether it is of a kind that is known.
  bool entry(const Archive &all, const ArchiveEntry &e, const std::string &outer, int depth) {
    if (e.name.ends_with('/') && e.size == 0) return true;
    const std::string where = depth == 0 ? e.name : outer + " > " + e.name;
    try {
      return look_into(all, e, where, depth);
    } catch (const Error &error) {
      findings.add(where, "cannot be read: " + error.message, Verdict::unsafe);
      return true;
    }
  }

  bool look_into(const Archive &all, const ArchiveEntry &e, const std::string &where, int depth) {
    const std::string head = all.read(e, head_size);
    if (native(head, where)) return true;
    if (e.name.ends_with(".py") && in_code(e.name)) {
      scan_torchscript(taken(all, e), where, findings);
    } else if (ends_with(e.name, {".json"})) {
      scan_exported(taken(all, e), where, findings);
    } else if (is_program_name(e.name) || head.starts_with("#!")) {
      script(where, taken(all, e));
    } else if (e.name.ends_with("bytecode.pkl")) {
      const std::string bytes = taken(all, e);
      scan_pickle(bytes, where, findings);
      scan_bytecode(bytes, where, findings);
    } else if (head.starts_with(npy_mark) && !npy_head(all.read(e, npy_head_size)).objects) {
      return true;
    } else if (is_file_of_its_own(head, e.name)) {
      if (depth == deepest_archive) fail(MRUN_INPUT, "archives in archives, deeper than is looked into");
      const std::string bytes = taken(all, e);
      return !scan(*memory_source(bytes.data(), bytes.size(), nullptr), where, depth + 1).empty();
    } else {
      return is_plain_text(head);
    }
    return true;
  }

  static bool is_file_of_its_own(std::string_view head, const std::string &name) {
    return head.starts_with("PK\x03\x04") || head.starts_with(npy_mark) || is_pickle_name(name) ||
           ends_with(name, {".zip", ".pt2", ".npz", ".safetensors"}) || !packer_of(head).empty() ||
           reads_as_pickle(head);
  }

  std::string taken(const Archive &all, const ArchiveEntry &e) {
    const size_t most = static_cast<size_t>(std::min<uint64_t>(most_of_one, most_of_all - total_));
    std::string bytes = all.read(e, most + 1);
    total_ = std::min(total_ + bytes.size(), most_of_all);
    if (bytes.size() > most) fail(MRUN_INPUT, "holds more than is looked into");
    return bytes;
  }

  static constexpr std::string_view npy_mark = "\x93NUMPY";
  uint64_t total_ = 0;  // bytes of entries that were taken
};

// Whether it is of a kind that is known.
bool scan_entry(Scanner &scanner, const std::string &path, const Source &source) {
  const std::string head = head_of(source, head_size);
  const bool program = is_program_name(path) || head.starts_with("#!");
  if (program && scanner.script(path, head_of(source, most_of_one))) return true;
  if (ends_with(path, {".json"})) {
    const Tensor all = source.map(0, static_cast<size_t>(source.size()), false);
    scan_exported(all.bytes(), path, scanner.findings);
  }
  return !scanner.scan(source, path, 1).empty() || is_plain_text(head);
}

std::string scan_bundle(Scanner &scanner, const fs::path &path) {
  const auto bundle = Bundle::open(path);
  for (const EntryInfo &e : bundle->entries()) {
    const Tensor bytes = bundle->read(e.path);
    scan_entry(scanner, e.path, *memory_source(bytes.bytes().data(), bytes.bytes().size(), nullptr));
  }
  const Value lock = bundle->lock();
  const auto operations = lock.find("operations")->as_list();
  for (const Value &o : operations) {
    scanner.findings.add("bundle.lock", "native operation " + printable(o.as_string()), Verdict::code);
  }
  return "bundle";
}

std::string scan_folder(Scanner &scanner, const fs::path &folder) {
  std::error_code error;
  std::vector<fs::path> files, folders{folder};
  while (!folders.empty()) {
    const fs::path at = std::move(folders.back());
    folders.pop_back();
    for (const std::string &name : folder_names(at)) {
      const bool link = fs::is_symlink(fs::symlink_status(at / name, error));
      const fs::file_type type = fs::status(at / name, error).type();  // loaders follow links
      if (type == fs::file_type::regular) {
        files.push_back(at / name);
      } else if (type == fs::file_type::directory && !link) {
        folders.push_back(at / name);
      } else {
        scanner.findings.add((at / name).lexically_relative(folder).native(),
                             link ? "is a link to a folder or to nothing, which is not followed"
                                  : "is a pipe, socket or device, which is not looked into",
                             Verdict::code);
      }
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> others;
  for (const fs::path &file : files) {
    const std::string name = file.lexically_relative(folder).native();
    if (!scan_entry(scanner, name, *file_source(open_file(file), file.native()))) others.push_back(name);
  }
  scanner.unknown(others, ".");
  return fs::exists(folder / "bundle.toml", error) ? "bundle's folder" : "folder";
}

bool is_bundle(const Source &source) {
  const std::string head = source.read(0, static_cast<size_t>(std::min<uint64_t>(source.size(), 76)));
  return head.size() == 76 && head.compare(30, 6, "format") == 0 && head.compare(64, 12, "mrun-bundle ") == 0;
}

std::string scan_file(Scanner &scanner, const fs::path &path) {
  const auto source = file_source(open_file(path), path.native());
  if (is_bundle(*source)) return scan_bundle(scanner, path);
  const std::string name = path.filename().native();
  if (is_program_name(name) || head_of(*source, 2) == "#!") {
    scan_entry(scanner, name, *source);
    return "text";
  }
  return scanner.scan(*source, name, 0);
}

// " (it is an ONNX model)"
std::string other_kind(const fs::path &path) {
  const std::string kind(file_kind(head_of(*file_source(open_file(path), path.native()), 128)));
  return kind.empty() ? "" : fmt::format(" (it is {})", kind);
}

}  // namespace

void Findings::add(const std::string &where, const std::string &what, Verdict verdict) {
  worst_ = std::max(worst_, verdict);
  if (all_.size() >= most_findings || !seen_.insert(where + "\n" + what).second) return;
  const bool last = all_.size() + 1 == most_findings;
  all_.push_back({where, last ? "and more, which are not listed" : what, verdict});
}

std::string scan_source(const Source &source, const std::string &name, Findings &findings) {
  return Scanner(findings).scan(source, name, 0);
}

Value scan(const fs::path &path) {
  Findings findings;
  Scanner scanner(findings);
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const std::string kind = folder ? scan_folder(scanner, path) : scan_file(scanner, path);
  if (kind.empty()) {
    fail(MRUN_INPUT,
         "{}: is of no kind that is known{}: want .mb, .pt, .pth, .pt2, .pkl, .safetensors, .npy or a folder",
         printable(path.native()), other_kind(path));
  }
  std::vector<Finding> sorted = scanner.findings.all();
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding &a, const Finding &b) { return a.verdict > b.verdict; });
  std::vector<Value> rows;
  for (const Finding &f : sorted) {
    rows.push_back(Value::map({{"where", Value::string(printable(f.where, 1000))},
                               {"what", Value::string(f.what)},
                               {"verdict", Value::string(verdicts[static_cast<int>(f.verdict)])}}));
  }
  return Value::map({{"path", Value::string(printable(path.native(), 1000))},
                     {"kind", Value::string(kind)},
                     {"verdict", Value::string(verdicts[static_cast<int>(scanner.findings.worst())])},
                     {"findings", Value::list(std::move(rows))}});
}

}  // namespace mrun
