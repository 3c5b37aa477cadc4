// queue BUNDLE: answers the lines of standard input, many at once, in their order. The engine joins the model calls of
// all lines that are under way; the program keeps a future for each.
#include <cstdio>
#include <deque>
#include <future>
#include <iostream>
#include <mrun/mrun.hpp>
#include <string>

namespace {

constexpr size_t most_waiting = 256;

std::future<std::string> ask(const mrun::engine &engine, const std::string &line) {
  auto promise = std::make_shared<std::promise<std::string>>();
  std::future<std::string> answer = promise->get_future();
  engine.submit(mrun::text(line.c_str()), [promise](const mrun_result &r) {  // on one of the engine's threads
    promise->set_value(r.code == MRUN_OK ? r.json : std::string("failed: ") + r.error.message);
  });
  return answer;
}

void print_first(std::deque<std::future<std::string>> &waiting) {
  std::puts(waiting.front().get().c_str());
  waiting.pop_front();
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return std::fputs("usage: queue BUNDLE < lines\n", stderr), 2;
  try {
    const mrun::bundle bundle(argv[1]);
    const mrun::engine engine(bundle);
    std::deque<std::future<std::string>> waiting;
    for (std::string line; std::getline(std::cin, line);) {
      waiting.push_back(ask(engine, line));
      if (waiting.size() == most_waiting) print_first(waiting);
    }
    while (!waiting.empty()) print_first(waiting);
  } catch (const mrun::failure &e) { return std::fprintf(stderr, "queue: %s\n", e.what()), 1; }
}
