#include "inputs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "files.h"
#include "meta.h"
#include "options.h"
#include "report.h"

namespace command {
namespace {

namespace fs = std::filesystem;

template <class F>
Input guarded(F &&f) {
  Input input;
  try {
    f(input);
  } catch (const mrun::failure &e) { input.error = e; }
  return input;
}

std::string input_kind(const mrun::bundle &bundle) {
  const mrun::variant manifest = mrun::from_json(bundle.inspect("manifest"));
  const mrun_value *input = mrun_get(&manifest.c(), "input");
  const mrun_value *kind = input == nullptr ? nullptr : mrun_get(input, "kind");
  return kind == nullptr ? "text" : std::string(kind->as.string.data, kind->as.string.size);
}

// The kinds of a record's fields, by name.
std::map<std::string, std::string> field_kinds(const mrun::bundle &bundle) {
  std::map<std::string, std::string> kinds;
  const mrun::variant manifest = mrun::from_json(bundle.inspect("manifest"));
  const View fields = View{&manifest.c()}.at("input").at("fields");
  for (size_t i = 0; i < fields.size(); ++i) kinds[fields[i].at("name").text()] = fields[i].at("kind").text();
  return kinds;
}

// How a person writes a record of these fields: ": photo=PATH question=TEXT".
std::string listed_fields(const std::map<std::string, std::string> &kinds) {
  std::string text = ":";
  for (const auto &[name, kind] : kinds) {
    text += " " + name + "=" + (kind == "text" ? "TEXT" : kind == "json" ? "JSON" : "PATH");
  }
  return text;
}

// A text that is a file's name was perhaps meant to be what the file holds, one that begins as a parameter to be that.
void doubt_text(const std::string &argument, const mrun::bundle &bundle) {
  const size_t equals = argument.find('=');
  if (equals != std::string::npos && equals > 0) {
    const mrun::variant parameters = mrun::from_json(bundle.inspect("parameters"));
    const View rows{&parameters.c()};
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].at("name").text() != argument.substr(0, equals)) continue;
      warn(printable(argument) + ": is taken as a text; a parameter is --param " + printable(argument));
    }
  }
  std::error_code unknown;
  if (argument.empty() || argument.find('\0') != std::string::npos || !fs::is_regular_file(argument, unknown)) return;
  warn(printable(argument) + ": is taken as the text itself; what the file of that name holds is @" +
       printable(argument));
}

// Texts and JSON are the argument itself, or @file; of other kinds an argument is a path.
bool is_literal(const std::string &kind) { return kind == "text" || kind == "json" || kind == "record"; }

mrun::variant value_of(const mrun::bundle &bundle, const char *field, const std::string &argument, bool path) {
  if (argument.find('\0') != std::string::npos) {
    throw mrun::failure(MRUN_INPUT, printable(argument) + ": a path cannot hold a zero byte");
  }
  mrun::variant v;
  mrun::host_detail::call([&](mrun_error *e) {
    return path ? mrun_input_file(bundle.raw(), field, argument.c_str(), v.out(), e)
                : mrun_input(bundle.raw(), field, argument.c_str(), v.out(), e);
  });
  return v;
}

mrun::variant copied(const mrun_value &given) {
  mrun::variant v;
  mrun::host_detail::call([&](mrun_error *) { return mrun_value_copy(&given, v.out()); });
  return v;
}

// What has been read of standard input is not there for another.
void want_standard_input_once(const std::vector<std::string> &arguments, bool record) {
  const auto is_it = [&](const std::string &a) { return a == "-" || (record && a.substr(a.find('=') + 1) == "-"); };
  if (std::count_if(arguments.begin(), arguments.end(), is_it) > 1)
    throw mrun::failure(MRUN_USAGE, "-: is given twice, and standard input can be read once");
}

bool is_folder(const std::string &path) {
  std::error_code unknown;  // a name too long for the system, a link to itself: reading it says so
  return fs::is_directory(path, unknown);
}

// What goes wrong with a field says which one it is.
template <class F>
void take_named(const Input &field, const std::string &name, F &&take) {
  try {
    take();
  } catch (const mrun::failure &e) {
    if (!field.name.empty() || e.code == MRUN_USAGE) throw;  // its file is named, or the name itself is at fault
    throw mrun::failure(e.code, "field \"" + printable(name) + "\": " + e.what(), e.detail);
  }
}

// Whether nobody meant standard input to be the input: it is closed, a device such as /dev/null, or an empty file.
bool nothing_to_read(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return true;
  return S_ISCHR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size == 0);
}

}  // namespace

void add_input_options(CommandLine &app, InputOptions &o) {
  app.add_option("INPUT", o.inputs, "texts, JSON values or paths, by the bundle's kind; NAME=VALUE for records");
  app.add_option("--lines", o.lines, "a text a line of file F (- is standard input)").type_name("F");
  app.add_option("--jsonl", o.jsonl, "a JSON value a line of file F").type_name("F");
  app.add_option("--paths", o.paths, "a path a line of file F; of a record, a JSON object of paths and texts")
      .type_name("F");
}

Inputs::Inputs(const InputOptions &o, const mrun::bundle &bundle)
    : bundle_(bundle), describe_(o.describe), kind_(input_kind(bundle)), fields_(field_kinds(bundle)) {
  const int given = int(!o.inputs.empty()) + int(!o.lines.empty()) + int(!o.jsonl.empty()) + int(!o.paths.empty());
  if (given > 1)
    throw mrun::failure(MRUN_USAGE, "give INPUT arguments or one of --lines, --jsonl, --paths, not several");
  if (!o.lines.empty() && kind_ != "text") {
    const char *other = kind_ == "json" || kind_ == "record" ? "--jsonl" : "--paths";
    throw mrun::failure(MRUN_USAGE,
                        "--lines is for bundles of kind text; this one takes " + kind_ + ": " + other + " F");
  }
  if (!o.jsonl.empty() && kind_ != "json" && kind_ != "record" && kind_ != "text") {
    throw mrun::failure(MRUN_USAGE,
                        "--jsonl is for bundles of kind json, text or record; this one takes " + kind_ + ": --paths F");
  }
  if (!o.lines.empty() || !o.jsonl.empty() || !o.paths.empty()) {
    from_ = !o.lines.empty() ? From::lines : !o.jsonl.empty() ? From::jsonl : From::paths;
    list_ = o.lines + o.jsonl + o.paths;
    constexpr size_t default_memory = size_t{512} << 20;  // lua_memory of mrun_options
    lines_ = std::make_unique<Lines>(list_, o.memory.empty() ? default_memory : parse_size(o.memory));
    return;
  }
  std::vector<std::string> arguments = o.inputs;
  if (arguments.empty()) {
    if (is_terminal(STDIN_FILENO) || nothing_to_read(STDIN_FILENO)) {
      throw mrun::failure(MRUN_USAGE, "no INPUT given: this bundle takes " + kind_ +
                                          (kind_ == "record" ? listed_fields(fields_) : "") +
                                          " (or use --lines, --jsonl, --paths, or a pipe)");
    }
    arguments.emplace_back("-");
  }
  if (kind_ == "record") {
    const bool fields = std::all_of(arguments.begin(), arguments.end(),
                                    [](const std::string &a) { return a.find('=') != a.npos && !a.starts_with('{'); });
    if (!fields &&
        !(arguments.size() == 1 && (arguments[0] == "-" || arguments[0][0] == '@' || arguments[0][0] == '{'))) {
      throw mrun::failure(MRUN_USAGE, "this bundle takes a record: give NAME=VALUE for each field, or one JSON object" +
                                          listed_fields(fields_));
    }
    want_standard_input_once(arguments, fields);
    from_ = fields ? From::record : From::arguments;
    arguments_ = std::move(arguments);
    single_ = true;
    return;
  }
  want_standard_input_once(arguments, false);
  const bool one = arguments.size() == 1 && !(kind_ != "text" && kind_ != "json" && is_folder(arguments[0]));
  for (const std::string &a : arguments) add_argument(a);
  single_ = one;
}

void Inputs::add_argument(const std::string &argument) {
  const bool literal = kind_ == "text" || kind_ == "json";
  if (literal || argument == "-" || !is_folder(argument)) {
    arguments_.push_back(argument);
    is_path_.push_back(false);
    return;
  }
  for (std::string &path : walk(argument)) {
    arguments_.push_back(std::move(path));
    is_path_.push_back(true);
  }
}

void Inputs::take(Input &input, const char *field, const std::string &argument, bool path) const {
  const std::string kind = field == nullptr ? kind_ : kind_of(field);
  const bool as_text = is_literal(kind);
  const bool literal = !path && as_text && !argument.starts_with('@');
  const std::string file = literal ? "" : !path && as_text ? argument.substr(1) : argument;
  if (field == nullptr && !literal) input.name = printable(file);
  if (literal && kind == "text" && field == nullptr) doubt_text(argument, bundle_);
  input.value = value_of(bundle_, field, argument, path);
  if (!describe_) return;
  std::error_code unknown;
  if (!literal && fs::is_regular_file(file, unknown)) {
    input.description = describe_file(file);
  } else {
    input.description = describe_value(kind, input.value.c());
  }
}

// The file that an argument of the command line names; "": none.
std::string Inputs::file_of(const std::string &argument) const {
  const size_t equals = from_ == From::record ? argument.find('=') : std::string::npos;
  const bool field = equals != std::string::npos;
  const std::string given = field ? argument.substr(equals + 1) : argument;
  if (given == "-") return "/dev/stdin";
  if (!is_literal(field ? kind_of(argument.substr(0, equals)) : kind_)) return given;
  return given.starts_with('@') ? given.substr(1) : "";
}

bool Inputs::come_from(const std::string &path) const {
  if (!list_.empty()) return same_file(list_ == "-" ? "/dev/stdin" : list_, path);
  const fs::path name = fs::path(path).filename();
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const bool walked = from_ == From::arguments && i < is_path_.size() && is_path_[i];  // there may be very many
    if (walked && fs::path(arguments_[i]).filename() != name) continue;
    if (same_file(walked ? arguments_[i] : file_of(arguments_[i]), path)) return true;
  }
  return false;
}

std::string Inputs::kind_of(const std::string &field) const {
  const auto known = fields_.find(field);
  return known == fields_.end() ? "" : known->second;
}

// A field of a record in JSON: of the kinds that are files a text is the path.
void Inputs::take_field(Input &input, const std::string &field, const View &given) const {
  const std::string kind = kind_of(field);
  if (given.v->kind == MRUN_STRING && !kind.empty() && !is_literal(kind)) {
    return take(input, field.c_str(), given.text(), true);
  }
  input.value = copied(*given.v);
  if (describe_) input.description = describe_value(given.v->kind == MRUN_STRING ? "text" : "json", *given.v);
}

// field: of a record, else null.
void Inputs::take_stdin(Input &input, const char *field) const {
  const std::string bytes = read_file("-");  // /dev/stdin would begin anew, and cannot be opened where it is a socket
  input.value = bundle_.input(bytes.data(), bytes.size(), field);
  if (describe_) input.description = describe_value(field == nullptr ? kind_ : kind_of(field), input.value.c());
}

Input Inputs::read(const std::string &argument) const {
  return guarded([&](Input &input) {
    if (argument == "-") {
      take_stdin(input, nullptr);
    } else {
      take(input, nullptr, argument, false);
    }
  });
}

Input Inputs::read_path(const std::string &path) const {
  return guarded([&](Input &input) {
    std::error_code error;
    if (kind_ == "json" && path.starts_with('{') && !fs::exists(path, error)) {
      throw mrun::failure(MRUN_INPUT,
                          printable(path) + ": no such file; --jsonl takes lines of JSON, a path is a file's");
    }
    try {
      take(input, nullptr, path, true);
    } catch (const mrun::failure &e) {
      std::error_code unknown;
      if (kind_ != "record" || fs::exists(path, unknown)) throw;
      throw mrun::failure(e.code,
                          std::string(e.what()) +
                              "; of a record, a line is a JSON object of paths and texts, or "
                              "the path of a file that holds one",
                          e.detail);
    }
  });
}

Input Inputs::read_record(const std::vector<std::string> &fields) const {
  return guarded([&](Input &input) {
    std::vector<std::pair<std::string, mrun::variant>> entries;
    std::vector<std::pair<std::string, std::string>> descriptions;
    std::set<std::string> names;
    for (const std::string &f : fields) {
      const size_t equals = f.find('=');
      const std::string name = f.substr(0, equals);
      if (!names.insert(name).second) throw mrun::failure(MRUN_USAGE, "the field " + name + " is given twice");
      Input field;
      const std::string value = f.substr(equals + 1);
      take_named(field, name, [&] {
        if (value == "-") return take_stdin(field, name.c_str());
        take(field, name.c_str(), value, false);
      });
      entries.emplace_back(name, std::move(field.value));
      descriptions.emplace_back(name, std::move(field.description));
    }
    input.value = mrun::map(std::move(entries));
    if (describe_) input.description = describe_record(descriptions);
  });
}

Input Inputs::read_record_of_paths(const std::string &json) const {
  return guarded([&](Input &input) {
    const mrun::variant record = json_of_line(json);
    const View fields{&record.c()};
    std::vector<std::pair<std::string, mrun::variant>> entries;
    std::vector<std::pair<std::string, std::string>> descriptions;
    for (size_t i = 0; i < fields.size(); ++i) {
      Input field;
      take_named(field, fields.key(i), [&] { take_field(field, fields.key(i), fields.value(i)); });
      entries.emplace_back(fields.key(i), std::move(field.value));
      descriptions.emplace_back(fields.key(i), std::move(field.description));
    }
    input.value = mrun::map(std::move(entries));
    if (describe_) input.description = describe_record(descriptions);
  });
}

// Errors name the line of the list, not the one of the text, which is always the first.
mrun::variant Inputs::json_of_line(const std::string &line) const {
  try {
    return mrun::from_json(line);
  } catch (const mrun::failure &e) {
    constexpr std::string_view first = "JSON: line 1, ";
    std::string why = e.what();
    if (why.starts_with(first)) why.erase(0, first.size());
    throw mrun::failure(e.code, place() + why, e.detail);
  }
}

// Where the line that was read last stands.
std::string Inputs::place() const {
  return (list_ == "-" ? "standard input" : printable(list_)) + ":" + std::to_string(next_ + 1) + ": ";
}

Input Inputs::of_line(const std::string &line) const {
  switch (from_) {
    case From::lines:
      return guarded([&](Input &input) {
        if (!mrun::valid_utf8(line)) {
          throw mrun::failure(MRUN_INPUT, place() + "the text is not valid UTF-8 at byte " +
                                              std::to_string(mrun::utf8_until(line)) + "; a text in UTF-8 is wanted");
        }
        input.value = copied(mrun::text(std::string_view(line)).c());
        if (describe_) input.description = describe_value("text", input.value.c());
      });
    case From::jsonl:
      return guarded([&](Input &input) {
        input.value = json_of_line(line);
        if (describe_) input.description = describe_value("json", input.value.c());
      });
    default: {
      const size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
      return kind_ == "record" && line.substr(begin, 1) == "{" ? read_record_of_paths(line) : read_path(line);
    }
  }
}

bool Inputs::skip() {
  std::string line;
  if (lines_ != nullptr) return lines_->next(line) && ++next_ > 0;
  const size_t all = from_ == From::record ? 1 : arguments_.size();
  return next_ < all && ++next_ > 0;
}

std::optional<uint64_t> Inputs::count() const {
  if (lines_ != nullptr) return std::nullopt;
  return from_ == From::record ? 1 : arguments_.size();
}

std::string Inputs::identity() const {
  std::string all = std::to_string(int(from_)) + '\0';  // the same lines may be texts, JSON or paths
  if (lines_ != nullptr) return lines_->complete() ? sha256(all + lines_->digest()) : "";
  for (const std::string &a : arguments_) {
    if (a == "-") return "";
    all += a + '\0';
  }
  return sha256(all);
}

std::optional<Input> Inputs::next() {
  if (lines_ != nullptr) {
    std::string line;
    if (!lines_->next(line)) return std::nullopt;
    Input input = of_line(line);
    ++next_;
    return input;
  }
  if (next_ >= arguments_.size()) return std::nullopt;
  if (from_ == From::record) {
    next_ = arguments_.size();
    return read_record(arguments_);
  }
  const size_t i = next_++;
  return i < is_path_.size() && is_path_[i] ? read_path(arguments_[i]) : read(arguments_[i]);
}

mrun::variant read_one_input(const std::vector<std::string> &arguments, const mrun::bundle &bundle) {
  InputOptions options;
  options.inputs = arguments;
  Inputs inputs(options, bundle);
  if (!inputs.single() && arguments.size() == 1) {
    throw mrun::failure(MRUN_USAGE, printable(arguments[0]) + ": is a folder; one file is wanted");
  }
  if (!inputs.single()) {
    throw mrun::failure(MRUN_USAGE, "want one INPUT, got " + std::to_string(arguments.size()) +
                                        "; a text with blanks stands in quotes");
  }
  std::optional<Input> input = inputs.next();
  if (input->error) throw *input->error;
  return std::move(input->value);
}

}  // namespace command
