// `mrun plugins --call`: an operation called by itself, with arguments as they are written on a command line.
#include <cctype>
#include <memory>

#include "check.h"
#include "files.h"
#include "report.h"
#include "view.h"

namespace command {
namespace {

[[noreturn]] void refuse(const std::string &text) { throw mrun::failure(MRUN_USAGE, text); }

// Elements and shape of a nested list; every list of a depth has one length.
struct Nested {
  std::vector<double> elements;
  std::vector<int64_t> shape;

  void add(const mrun_value &v, size_t depth) {
    if (v.kind != MRUN_LIST) {
      if (depth != shape.size()) refuse("a tensor's lists are of different depths");
      if (v.kind == MRUN_BOOL) {
        elements.push_back(v.as.boolean);
      } else if (v.kind == MRUN_INT || v.kind == MRUN_FLOAT) {
        elements.push_back(View{&v}.number());
      } else {
        refuse("a tensor has numbers and booleans alone");
      }
      return;
    }
    const auto size = static_cast<int64_t>(v.as.list.size);
    if (depth == shape.size() && elements.empty()) shape.push_back(size);
    if (depth >= shape.size() || shape[depth] != size) refuse("a tensor's lists are of different lengths");
    for (size_t i = 0; i < v.as.list.size; ++i) add(v.as.list.items[i], depth + 1);
  }
};

template <class T>
mrun::variant tensor(const Nested &nested) {
  const auto memory = std::shared_ptr<T[]>(new T[nested.elements.size() + 1]);
  for (size_t i = 0; i < nested.elements.size(); ++i) memory[i] = static_cast<T>(nested.elements[i]);
  return mrun::make_tensor(memory.get(), mrun::dtype<T>, nested.shape, [memory] {});
}

mrun::variant tensor_of(const std::string &dtype, const std::string &json) {
  const mrun::variant list = mrun::from_json(json);
  Nested nested;
  nested.add(list.c(), 0);
  if (dtype == "float32") return tensor<float>(nested);
  if (dtype == "float64") return tensor<double>(nested);
  if (dtype == "int64") return tensor<int64_t>(nested);
  if (dtype == "int32") return tensor<int32_t>(nested);
  if (dtype == "uint8") return tensor<uint8_t>(nested);
  if (dtype == "bool") return tensor<bool>(nested);
  refuse("'" + dtype + "' is no dtype that can be written here: want float32, float64, int64, int32, uint8 or bool");
}

mrun::variant file(const std::string &path) {
  const std::string bytes = read_file(path);
  return mrun::bytes(bytes.data(), bytes.size());
}

// true, null and numbers begin with a letter or a digit, too: a dtype is what stands before a bracket.
mrun::variant argument(const std::string &text) {
  if (text.starts_with("@")) return file(text.substr(1));
  const size_t bracket = text.find('[');
  if (bracket != 0 && bracket != std::string::npos && std::isalpha(static_cast<unsigned char>(text[0])) != 0) {
    return tensor_of(text.substr(0, bracket), text.substr(bracket));
  }
  return mrun::from_json(text);
}

// What JSON cannot say is named.
std::string line(const mrun_value &v) {
  if (v.kind == MRUN_OBJECT) return "\"an object\"";
  return View{&v}.json();
}

}  // namespace

int call_operation(const std::string &name, const std::vector<std::string> &args) {
  std::vector<mrun::variant> given;
  for (const std::string &text : args) {
    try {
      given.push_back(argument(text));
    } catch (const mrun::failure &e) { refuse("ARG " + printable(text) + ": " + e.what()); }
  }
  const mrun::variant results = mrun::call_operation(name.c_str(), std::move(given));
  std::string out;
  for (size_t i = 0; i < results.c().as.list.size; ++i) out += line(results.c().as.list.items[i]) + "\n";
  print(out);
  return ok;
}

}  // namespace command
