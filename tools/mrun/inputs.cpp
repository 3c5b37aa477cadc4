#include "inputs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "meta.h"

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

// Of a record's field.
std::string field_kind(const mrun::bundle &bundle, const std::string &field) {
  const mrun::variant manifest = mrun::from_json(bundle.inspect("manifest"));
  const View fields = View{&manifest.c()}.at("input").at("fields");
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].at("name").text() == field) return fields[i].at("kind").text();
  }
  return {};
}

// The files below a folder, by name, so that a run is the same everywhere; hidden ones are left out.
std::vector<std::string> walk(const std::string &folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const bool hidden = at->path().filename().string().starts_with('.');
    if (hidden && at->is_directory()) at.disable_recursion_pending();
    if (!hidden && at->is_regular_file()) files.push_back(at->path().string());
  }
  if (error) throw mrun::failure(MRUN_INPUT, folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

mrun::variant value_of(const mrun::bundle &bundle, const char *field, const std::string &argument, bool path) {
  mrun::variant v;
  mrun::host_detail::call([&](mrun_error *e) {
    return path ? mrun_input_file(bundle.raw(), field, argument.c_str(), v.out(), e)
                : mrun_input(bundle.raw(), field, argument.c_str(), v.out(), e);
  });
  return v;
}

mrun::variant text_value(const std::string &text) {
  mrun::variant v;
  mrun_value borrowed = mrun_text(text.c_str());
  borrowed.as.string.size = text.size();
  mrun::host_detail::call([&](mrun_error *) { return mrun_value_copy(&borrowed, v.out()); });
  return v;
}

std::string without_newline(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

void add_input_options(CLI::App &app, InputOptions &o) {
  app.add_option("INPUT", o.inputs, "texts, JSON values or paths, by the bundle's kind; NAME=VALUE for records");
  app.add_option("--lines", o.lines, "a text a line of file F (- is standard input)")->type_name("F");
  app.add_option("--jsonl", o.jsonl, "a JSON value a line of file F")->type_name("F");
  app.add_option("--paths", o.paths, "a path a line of file F")->type_name("F");
}

Inputs::Inputs(const InputOptions &o, const mrun::bundle &bundle)
    : bundle_(bundle), describe_(o.describe), kind_(input_kind(bundle)) {
  const int given = int(!o.inputs.empty()) + int(!o.lines.empty()) + int(!o.jsonl.empty()) + int(!o.paths.empty());
  if (given > 1)
    throw mrun::failure(MRUN_USAGE, "give INPUT arguments or one of --lines, --jsonl, --paths, not several");
  if (!o.lines.empty() && kind_ != "text") {
    throw mrun::failure(MRUN_USAGE, "--lines is for bundles of kind text; this one takes " + kind_);
  }
  if (!o.jsonl.empty() && kind_ != "json" && kind_ != "record" && kind_ != "text") {
    throw mrun::failure(MRUN_USAGE, "--jsonl is for bundles of kind json, text or record; this one takes " + kind_);
  }
  if (!o.lines.empty() || !o.jsonl.empty() || !o.paths.empty()) {
    from_ = !o.lines.empty() ? From::lines : !o.jsonl.empty() ? From::jsonl : From::paths;
    open_list(o.lines + o.jsonl + o.paths);
    return;
  }
  std::vector<std::string> arguments = o.inputs;
  if (arguments.empty()) {
    if (is_terminal(STDIN_FILENO)) {
      throw mrun::failure(
          MRUN_USAGE, "no INPUT given: this bundle takes " + kind_ + " (or use --lines, --jsonl, --paths, or a pipe)");
    }
    arguments.emplace_back("-");
  }
  if (kind_ == "record") {
    const bool fields =
        std::all_of(arguments.begin(), arguments.end(), [](const std::string &a) { return a.find('=') != a.npos; });
    if (!fields &&
        !(arguments.size() == 1 && (arguments[0] == "-" || arguments[0][0] == '@' || arguments[0][0] == '{'))) {
      throw mrun::failure(MRUN_USAGE, "this bundle takes a record: give NAME=VALUE for each field");
    }
    from_ = fields ? From::record : From::arguments;
    arguments_ = std::move(arguments);
    single_ = true;
    return;
  }
  const bool one = arguments.size() == 1 && !(kind_ != "text" && kind_ != "json" && fs::is_directory(arguments[0]));
  for (const std::string &a : arguments) add_argument(a);
  single_ = one;
}

void Inputs::add_argument(const std::string &argument) {
  const bool literal = kind_ == "text" || kind_ == "json";
  if (literal || argument == "-" || !fs::is_directory(argument)) {
    arguments_.push_back(argument);
    is_path_.push_back(false);
    return;
  }
  for (std::string &path : walk(argument)) {
    arguments_.push_back(std::move(path));
    is_path_.push_back(true);
  }
}

void Inputs::open_list(const std::string &path) {
  if (path == "-") {
    list_ = &std::cin;
    return;
  }
  if (!fs::is_directory(path)) file_.open(path, std::ios::binary);
  if (!file_.is_open()) {
    throw mrun::failure(MRUN_USAGE, path + ": " + (fs::is_directory(path) ? "is a folder" : std::strerror(errno)));
  }
  list_ = &file_;
}

void Inputs::take(Input &input, const char *field, const std::string &argument, bool path) const {
  input.value = value_of(bundle_, field, argument, path);
  if (!describe_) return;
  const mrun_value &v = input.value.c();
  // Texts and JSON are the argument itself, or @file.
  const std::string kind = field == nullptr ? kind_ : field_kind(bundle_, field);
  const bool literal = !path && (kind == "text" || kind == "json") && (argument.empty() || argument[0] != '@');
  if (!literal) {
    input.description = describe_file(!path && argument[0] == '@' ? argument.substr(1) : argument);
  } else {
    input.description = kind == "text" ? describe_text(argument) : describe_json(v);
  }
}

void Inputs::take_stdin(Input &input) const {
  if (kind_ == "text") {
    const std::string text = without_newline(read_file("-"));
    input.value = text_value(text);
    if (describe_) input.description = describe_text(text);
  } else if (kind_ == "json" || kind_ == "record") {
    input.value = mrun::from_json(read_file("-"));
    if (describe_) input.description = describe_json(input.value.c());
  } else {
    input.value = value_of(bundle_, nullptr, "/dev/stdin", true);
    if (describe_) input.description = describe_stdin(input.value.c());
  }
}

Input Inputs::read(const std::string &argument) const {
  return guarded([&](Input &input) {
    if (argument == "-") {
      take_stdin(input);
    } else {
      take(input, nullptr, argument, false);
    }
  });
}

Input Inputs::read_path(const std::string &path) const {
  return guarded([&](Input &input) { take(input, nullptr, path, true); });
}

Input Inputs::read_record(const std::vector<std::string> &fields) const {
  return guarded([&](Input &input) {
    std::vector<std::pair<std::string, mrun::variant>> entries;
    std::vector<std::pair<std::string, std::string>> descriptions;
    for (const std::string &f : fields) {
      const size_t equals = f.find('=');
      const std::string name = f.substr(0, equals);
      Input field;
      take(field, name.c_str(), f.substr(equals + 1), false);
      entries.emplace_back(name, std::move(field.value));
      descriptions.emplace_back(name, std::move(field.description));
    }
    input.value = mrun::map(std::move(entries));
    if (describe_) input.description = describe_record(descriptions);
  });
}

Input Inputs::read_line(const std::string &line) const {
  switch (from_) {
    case From::lines:
      return guarded([&](Input &input) {
        input.value = text_value(line);
        if (describe_) input.description = describe_text(line);
      });
    case From::jsonl:
      return guarded([&](Input &input) {
        input.value = mrun::from_json(line);
        if (describe_) input.description = describe_json(input.value.c());
      });
    default: return read_path(line);
  }
}

std::optional<Input> Inputs::next() {
  if (list_ != nullptr) {
    std::string line;
    if (!std::getline(*list_, line)) return std::nullopt;
    return read_line(line);
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
  if (!inputs.single()) throw mrun::failure(MRUN_USAGE, "want one INPUT");
  std::optional<Input> input = inputs.next();
  if (input->error) throw *input->error;
  return std::move(input->value);
}

}  // namespace command
