// A plugin for tests: what plugin_kit.hpp reads. The host's header is beside it, as in a program with a plugin of its own.
#include <mrun/mrun.hpp>
#include <mrun/plugin_kit.hpp>

namespace {
std::string bytes(const mrun::call &c, const mrun::value &x) {
  const class mrun::bytes given(c, x, "given.bytes: x");
  return std::string(given.view());
}
std::vector<double> doubles(const mrun::call &c, const mrun::value &x) {
  return mrun::numbers<double>(c, x, "given.doubles: x");
}
std::vector<int64_t> integers(const mrun::call &c, const mrun::value &x) {
  return mrun::numbers<int64_t>(c, x, "given.integers: x");
}
std::vector<double> rows(const mrun::call &c, const mrun::value &x, int64_t width) {
  return mrun::rows<double>(c, x, size_t(width), "given.rows: x");
}
std::string came(const mrun::value &x) { return mrun::came_text(x); }
void wait_until_stopped(const mrun::call &c) {
  for (const std::function<void()> ask = mrun::asking(c);;) ask();
}
}  // namespace

MRUN_PLUGIN("given", "1.0.0", "For tests.", nullptr, "Apache-2.0") {
  op<bytes>("given.bytes@1(Any x) -> str");
  op<doubles>("given.doubles@1(Any x) -> float[]");
  op<integers>("given.integers@1(Any x) -> int[]");
  op<rows>("given.rows@1(Any x, int width) -> float[]");
  op<came>("given.came@1(Any x) -> str");
  op<wait_until_stopped>("given.wait@1() -> ()");
}
