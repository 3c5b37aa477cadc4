#include "report/scan.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/folder_names.h"
#include "base/text.h"
#include "bundle/bundle.h"
#include "bundle/names.h"
#include "report/scan_archive.h"
#include "value/safetensors.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr size_t most_of_one = size_t{512} << 20;  // bytes of an entry that is looked into
constexpr uint64_t most_of_all = uint64_t{2} << 30;
constexpr size_t most_findings = 10'000;
constexpr int deepest = 4;  // archives in archives

constexpr const char *verdicts[] = {"data", "code", "unsafe"};

bool ends_with(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  const std::string small = lower(name);  // MODEL.PT is one, too
  return std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view s) { return small.ends_with(s); });
}

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

// By what a file begins with, then by its name where the beginning says nothing.
class Scanner {
 public:
  // The kind; empty: none that is known.
  std::string scan(const Source &source, const std::string &where, int depth) {
    const std::string head = source.read(0, static_cast<size_t>(std::min<uint64_t>(source.size(), 16)));
    if (head.starts_with("\x7f"
                         "ELF")) {
      findings.add(where, "is native code, which does whatever its loader may", Verdict::unsafe);
      return "native code";
    }
    std::string kind;
    if (head.starts_with("\x93NUMPY")) kind = npy(source, where);
    if (is_safetensors(source, head)) kind = safetensors(source, where);
    const bool archived = ends_with_directory(source);
    if (kind.empty() &&
        (is_pickle(head) || (!archived && ends_with(where, {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt"})))) {
      pickle(source, 0, where);
      kind = "pickle";
    }
    // What begins as another thing is an archive to readers that look at its end.
    if (archived && (kind.empty() || kind == "pickle")) kind = archive(source, where, depth);
    return kind;
  }

  // A file by name alone: what runs it is somebody's choice.
  bool script(const std::string &name, std::string_view text) {
    if (ends_with(name, {".lua"})) {
      findings.add(name, "a script, which runs in the sandbox" + requires_of(text), Verdict::code);
    } else if (ends_with(name, {".py", ".sh", ".bat", ".js"})) {
      findings.add(name, "a program's text, which runs where somebody starts it", Verdict::code);
    } else {
      return false;
    }
    return true;
  }

  explicit Scanner(Findings &found) : findings(found) {}

  Findings &findings;

 private:
  void pickle(const Source &source, uint64_t from, const std::string &where) {
    const Tensor all = source.map(0, static_cast<size_t>(source.size()), false);
    scan_pickle(all.bytes().substr(static_cast<size_t>(from)), where, findings);
  }

  // Arrays of objects are a pickle behind the header.
  std::string npy(const Source &source, const std::string &where) {
    const std::string head = source.read(0, static_cast<size_t>(std::min<uint64_t>(source.size(), 1 << 16)));
    if (head.size() < 12) return "npy";
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(head[i])); };
    const size_t begin = byte(6) == 1 ? 10 : 12;
    const size_t length = byte(8) | byte(9) << 8 | (begin == 12 ? byte(10) << 16 | byte(11) << 24 : 0);
    if (head.substr(begin, length).find('O') == std::string::npos) return "npy";
    findings.add(where, "an array of Python's objects, which is a pickle", Verdict::code);
    if (begin + length <= source.size()) pickle(source, begin + length, where);
    return "npy";
  }

  static bool is_safetensors(const Source &source, const std::string &head) {
    if (head.size() < 10 || head[8] != '{') return false;
    uint64_t n = 0;
    for (size_t i = 8; i-- > 0;) n = n << 8 | static_cast<unsigned char>(head[i]);
    return n >= 2 && n <= source.size() - 8;
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
      std::string kind = "ZIP archive";
      for (const ArchiveEntry &e : all.entries()) {
        entry(all, e, where, depth);
        kind = std::max(kind, kind_by(e.name), by_rank);
      }
      return kind;
    } catch (const Error &e) {
      findings.add(where, "is an archive that cannot be read: " + e.message, Verdict::unsafe);
      return "ZIP archive";
    }
  }

  static bool by_rank(const std::string &a, const std::string &b) { return rank(a) < rank(b); }
  static int rank(const std::string &kind) {
    return kind == "exported program" ? 3 : kind == "TorchScript archive" ? 2 : kind == "PyTorch archive" ? 1 : 0;
  }
  static std::string kind_by(const std::string &name) {
    if (ends_with(name, {"archive_format", "serialized_exported_program.json"})) return "exported program";
    if (name.ends_with("constants.pkl") || in_code(name)) return "TorchScript archive";
    return name.ends_with("data.pkl") ? "PyTorch archive" : "ZIP archive";
  }
  static bool in_code(const std::string &name) {
    return name.starts_with("code/") || name.find("/code/") != std::string::npos;
  }

  void entry(const Archive &all, const ArchiveEntry &e, const std::string &outer, int depth) {
    if (e.name.ends_with('/')) return;
    const std::string where = depth == 0 ? e.name : outer + " > " + e.name;
    try {
      const std::string head = all.read(e, 16);
      const bool text = ends_with(e.name, {".py", ".lua", ".json", ".sh", ".bat", ".js"});
      const bool pickled = is_pickle(head) || ends_with(e.name, {".pkl", ".debug_pkl", ".pickle"});
      const bool deeper = head.starts_with("PK\x03\x04") || head.starts_with("\x93NUMPY") ||
                          head.starts_with(
                              "\x7f"
                              "ELF");
      if (!text && !pickled && !deeper) return;
      const std::string bytes = taken(all, e);
      if (pickled) {
        scan_pickle(bytes, where, findings);
      } else if (e.name.ends_with(".py") && in_code(e.name)) {
        scan_torchscript(bytes, where, findings);
      } else if (e.name.ends_with(".json")) {
        scan_exported(bytes, where, findings);
      } else if (!script(where, bytes)) {
        if (depth == deepest) fail(MRUN_INPUT, "archives in archives, deeper than is looked into");
        scan(*memory_source(bytes.data(), bytes.size(), nullptr), where, depth + 1);
      }
    } catch (const Error &error) { findings.add(where, "cannot be read: " + error.message, Verdict::unsafe); }
  }

  std::string taken(const Archive &all, const ArchiveEntry &e) {
    std::string bytes = all.read(e, most_of_one + 1);
    total_ += bytes.size();
    if (bytes.size() > most_of_one || total_ > most_of_all) fail(MRUN_INPUT, "holds more than is looked into");
    return bytes;
  }

  uint64_t total_ = 0;
};

void scan_entry(Scanner &scanner, const std::string &path, const Source &source) {
  const bool text = ends_with(path, {".lua", ".py", ".sh", ".bat", ".js"});
  if (!text ||
      !scanner.script(path, source.read(0, static_cast<size_t>(std::min<uint64_t>(source.size(), most_of_one))))) {
    scanner.scan(source, path, 1);
  }
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
      const fs::file_type type = fs::symlink_status(at / name, error).type();
      if (type == fs::file_type::directory) folders.push_back(at / name);
      if (type == fs::file_type::regular) files.push_back(at / name);
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path &file : files) {
    scan_entry(scanner, file.lexically_relative(folder).native(), *file_source(open_file(file), file.native()));
  }
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
  if (ends_with(name, {".lua", ".py", ".sh", ".bat", ".js"})) {
    scan_entry(scanner, name, *source);
    return "text";
  }
  return scanner.scan(*source, name, 0);
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
    fail(MRUN_INPUT, "{}: is of no kind that is known: want .mb, .pt, .pth, .pt2, .pkl, .safetensors, .npy or a folder",
         printable(path.native()));
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
