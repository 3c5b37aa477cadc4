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

void print_first(std::deque<std::future<mrun::result>> &waiting) {
  const mrun::result r = waiting.front().get();
  std::puts(r ? r.json() : r.message());
  waiting.pop_front();
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return std::fputs("usage: queue BUNDLE < lines\n", stderr), 2;
  try {
    const mrun::bundle bundle(argv[1]);
    const mrun::engine engine(bundle);
    std::deque<std::future<mrun::result>> waiting;
    for (std::string line; std::getline(std::cin, line);) {
      waiting.push_back(engine.submit(mrun::text(line.c_str())));
      if (waiting.size() == most_waiting) print_first(waiting);
    }
    while (!waiting.empty()) print_first(waiting);
  } catch (const mrun::failure &e) { return std::fprintf(stderr, "queue: %s\n", e.what()), 1; }
}
