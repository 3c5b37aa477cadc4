// Runs a fuzz target without a fuzzer: on every file of the given folders, on each of them cut at every length, and on
// a few thousand fixed variations (a byte changed, removed, doubled). With MRUN_FUZZ_SECONDS=N in the environment new
// variations follow until N seconds are over. A target that fails ends the program and leaves its input in a file.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

size_t runs = 0;
const std::vector<uint8_t> *running = nullptr;

void run(const std::string &input) {
  // A copy of exactly that size, so that a sanitizer sees a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  running = &bytes;
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  running = nullptr;
  ++runs;
}

void keep_input(int signal) {
  const int fd = running == nullptr ? -1 : open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd >= 0 && write(fd, running->data(), running->size()) >= 0) {
    constexpr char said[] = "the input is in the file fuzz-crash\n";
    [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, said, sizeof said - 1);
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

std::string edited(std::string input, std::mt19937 &random) {
  for (unsigned edits = 1 + random() % 3; edits > 0 && !input.empty(); --edits) {
    const size_t at = random() % input.size();
    switch (random() % 4) {
      case 0: input[at] = static_cast<char>(random()); break;
      case 1: input[at] = static_cast<char>(input[at] ^ 1 << random() % 8); break;
      case 2: input.erase(at, 1 + random() % 8); break;
      default: input.insert(at, input.substr(at, 1 + random() % 8)); break;
    }
  }
  return input;
}

void vary(const std::string &input, std::mt19937 &random) {
  const size_t longest = 2048, step = std::max<size_t>(1, input.size() / longest);
  for (size_t n = 0; n < input.size(); n += step) run(input.substr(0, n));
  for (int i = 0; i < 2000 && !input.empty(); ++i) run(edited(input, random));
}

// Variations of variations, so that they go further with time.
void go_on(std::vector<std::string> inputs, std::chrono::duration<double> time) {
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const size_t given = inputs.size();
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    std::string next = edited(inputs[random() % inputs.size()], random);
    run(next);
    if (random() % 16 != 0) continue;
    if (inputs.size() < 4 * given) {
      inputs.push_back(std::move(next));
    } else {
      inputs[given + random() % (3 * given)] = std::move(next);
    }
  }
}

}  // namespace

int main(int argc, char **argv) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, keep_input);
  std::vector<std::string> inputs;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    for (const auto &entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto &path : paths) {
      std::ifstream in(path, std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  if (inputs.empty()) {
    std::fputs("no input was found\n", stderr);
    return 1;
  }
  std::mt19937 random(1);
  for (const std::string &input : inputs) {
    run(input);
    vary(input, random);
  }
  const char *seconds = std::getenv("MRUN_FUZZ_SECONDS");
  if (seconds != nullptr) go_on(inputs, std::chrono::duration<double>(std::atof(seconds)));
  std::printf("%zu files, %zu runs\n", inputs.size(), runs);
  return 0;
}
