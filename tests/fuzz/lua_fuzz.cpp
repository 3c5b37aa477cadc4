// Any text as a script: it is refused, or runs within its steps and its memory, and gives the same again.
// A text that would make C data in LuaJIT is refused before anything of it runs.
#include <lua.hpp>

#include <cstdlib>

#include "bundle/bundle.h"
#include "fuzz.h"
#include "script/lua/source.h"
#include "script/state.h"
#include "value/json.h"

using namespace mrun;

namespace {

constexpr int64_t heap = int64_t{8} << 20;
constexpr int most_looks = 300;  // of 1,000 instructions each, or one of a library function

// A bundle of one script.
class OneScript final : public Bundle {
 public:
  explicit OneScript(std::string_view text) : text_(text) { manifest_.name = "fuzz"; }
  bool packed() const override { return false; }
  std::string digest() const override { return {}; }
  Value lock() const override { return {}; }
  std::vector<EntryInfo> entries() const override { return {}; }
  bool has(std::string_view path) const override { return path == "preprocess.lua"; }
  Tensor map_private(std::string_view path) const override { return load(path); }
  std::optional<std::string> signatures() const override { return std::nullopt; }
  void verify_hashes() const override {}

 protected:
  SignedFiles signed_files() const override { return {}; }
  Tensor load(std::string_view path) const override {
    if (!has(path)) fail_missing(path);
    return fuzz::bytes_of(reinterpret_cast<const uint8_t *>(text_.data()), text_.size());
  }

 private:
  std::string_view text_;
};

// What becomes of the script: an answer, or an error's code.
std::string outcome(std::string_view text) {
  const auto item = std::make_shared<ItemContext>();
  item->budget = std::make_shared<Budget>(heap);
  int looks = 0;
  StateOptions options;
  options.bundle = std::make_shared<OneScript>(text);
  options.lua_memory = options.tensor_memory = heap;
  options.timeout = 600;
  options.now = [&] {
    if (++looks > most_looks) item->stop = MRUN_TIMEOUT;
    return std::chrono::steady_clock::now() + std::chrono::hours(looks > most_looks ? 1 : 0);
  };
  std::string answer;
  try {
    State state(options);
    if (!state.has(Stage::preprocess)) return "nothing";
    const auto fiber = state.start(Stage::preprocess, {parse_json("[1, \"two\", {\"three\": null}]")}, item);
    FiberStatus status = FiberStatus::preempted;
    while (status == FiberStatus::preempted) status = fiber->resume();
    FUZZ_CHECK(status == FiberStatus::finished || status == FiberStatus::failed);
    FUZZ_CHECK(state.lua_bytes() <= heap);
    if (status == FiberStatus::failed) throw Error(fiber->error());
    JsonOptions json;
    json.max_bytes = heap;
    answer = to_json(fiber->results().at(0), json);
  } catch (const Error &e) {
    FUZZ_CHECK(e.code != MRUN_INTERNAL && e.code != MRUN_OK);
    answer = code_name(e.code);
  }
  FUZZ_CHECK(looks < 100 * most_looks);
  return answer;
}

// Whether LuaJIT would make C data of it: its constants are looked at, nothing of it runs.
bool makes_c_data(std::string_view text) {
  struct Machine {
    lua_State *L = luaL_newstate();
    ~Machine() { lua_close(L); }
  } const machine;
  constexpr const char *scan = R"(
local util = require "jit.util"
local function scan(f)
  local i = -1
  for k in function() return util.funck(f, i) end do
    if type(k) == "cdata" or type(k) == "proto" and scan(k) then return true end
    i = i - 1
  end
end
return scan(...))";
  lua_State *const L = machine.L;
  luaL_openlibs(L);
  if (luaL_loadstring(L, scan) != 0) std::abort();
  if (luaL_loadbufferx(L, text.data(), text.size(), "=fuzz", "t") != 0) return false;
  if (lua_pcall(L, 1, 1, 0) != 0) std::abort();
  return lua_toboolean(L, -1) != 0;
}

bool is_refused(std::string_view text) {
  try {
    check_source("fuzz", text);
  } catch (const Error &) { return true; }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  if (!is_refused(text)) FUZZ_CHECK(!makes_c_data(text));
  const std::string once = outcome(text);
  const bool answered = once.front() == '[' || once.front() == '{' || once.front() == '"';
  FUZZ_CHECK(!answered || outcome(text) == once);
  return 0;
}
