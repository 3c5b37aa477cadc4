// value_convert FORMAT: standard input, read as FORMAT, written as FORMAT to standard output. json, pretty, canonical:
// JSON in that style. npy, safetensors: the file again. npy-json: the array as JSON. Errors: their text, status 1.
#include <unistd.h>

#include <iostream>

#include "base/file.h"
#include "value/json.h"
#include "value/npy.h"
#include "value/safetensors.h"

using namespace mrun;

namespace {

Tensor bytes_of(const std::string &text) {
  auto keep = std::make_shared<const std::string>(text);
  auto *data = const_cast<char *>(keep->data());
  const auto size = static_cast<int64_t>(keep->size());
  return Tensor::over(data, dtype::uint8, {size}, std::move(keep), true);
}

std::string convert(const std::string &format, const std::string &text) {
  JsonOptions options;
  options.max_elements = INT64_MAX;
  if (format == "pretty") options.style = JsonOptions::Style::pretty;
  if (format == "canonical") options.style = JsonOptions::Style::canonical;
  if (format == "npy") return write_npy(read_npy(bytes_of(text), "stdin"));
  if (format == "npy-json") return to_json(read_npy(bytes_of(text), "stdin"), options);
  if (format == "safetensors") {
    const SafeTensors file = read_safetensors(bytes_of(text), "stdin");
    return write_safetensors(file.tensors, file.metadata);
  }
  return to_json(parse_json(text), options);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  try {
    write_all(STDOUT_FILENO, convert(argv[1], read_all(STDIN_FILENO, "stdin")), "stdout");
    return 0;
  } catch (const Error &e) {
    std::cerr << code_name(e.code) << ' ' << e.message << '\n';
    return 1;
  }
}
