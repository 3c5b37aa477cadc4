// A C++ host: mrun.hpp alone. host_cpp BUNDLE TEXT…: an answer a line, in completion order.
#include <cstdio>
#include <mrun/mrun.hpp>
#include <mutex>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  try {
    const mrun::engine engine(mrun::bundle{argv[1]});
    std::mutex mutex;
    int failed = 0;
    for (int i = 2; i < argc; ++i) {
      engine.submit(mrun::text(argv[i]), [&](const mrun::result &r) {
        const std::lock_guard<std::mutex> lock(mutex);
        failed += r ? 0 : 1;
        std::puts(r.json());
      });
    }
    engine.drain();
    const mrun::result single = engine.run(mrun::text(argv[2]));
    std::printf("%s\n", single ? single.json() : single.message());
    return failed == 0 ? 0 : 1;
  } catch (const mrun::failure &e) {
    std::fprintf(stderr, "%s: %s\n", mrun_code_name(e.code), e.what());
    return 3;
  }
}
