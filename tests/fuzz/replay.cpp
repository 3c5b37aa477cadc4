// Runs a fuzz target without a fuzzer: on every file of the given folders, on each of them cut at every length, and on
// a few thousand fixed variations (a byte changed, removed, doubled). A target that fails ends the program.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

size_t runs = 0;

void run(const std::string &input) {
  // A copy of exactly that size, so that a sanitizer sees a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  ++runs;
}

void vary(const std::string &input, std::mt19937 &random) {
  const size_t longest = 2048, step = std::max<size_t>(1, input.size() / longest);
  for (size_t n = 0; n < input.size(); n += step) run(input.substr(0, n));
  for (int i = 0; i < 2000 && !input.empty(); ++i) {
    std::string changed = input;
    for (unsigned edits = 1 + random() % 3; edits > 0 && !changed.empty(); --edits) {
      const size_t at = random() % changed.size();
      switch (random() % 4) {
        case 0: changed[at] = static_cast<char>(random()); break;
        case 1: changed[at] = static_cast<char>(changed[at] ^ 1 << random() % 8); break;
        case 2: changed.erase(at, 1 + random() % 8); break;
        default: changed.insert(at, changed.substr(at, 1 + random() % 8)); break;
      }
    }
    run(changed);
  }
}

}  // namespace

int main(int argc, char **argv) {
  std::mt19937 random(1);
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    for (const auto &entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto &path : paths) {
      std::ifstream in(path, std::ios::binary);
      const std::string input{std::istreambuf_iterator<char>(in), {}};
      run(input);
      vary(input, random);
      ++files;
    }
  }
  std::printf("%zu files, %zu runs\n", files, runs);
  return files == 0 ? 1 : 0;
}
