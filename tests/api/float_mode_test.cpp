// A host's floating-point mode changes no answer, and is its own again after each call.
#include <fenv.h>
#ifdef __SSE2__
#include <pmmintrin.h>
#endif

#include <future>

#include "support.h"

using namespace host_test;

namespace {

const Folder::Files thirds{{"preprocess.lua", "return function(x) return {x / 3, -x / 3, x * 1e-310 > 0} end"}};

// As programs that work with sound set it, and one that wants bounds.
struct OddMode {
  OddMode() {
    fegetmode(&before);
#ifdef __SSE2__
    _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
#endif
    fesetround(FE_UPWARD);
  }
  ~OddMode() { fesetmode(&before); }
  femode_t before{};
};

void want_odd_mode() {
  CHECK(fegetround() == FE_UPWARD);
#ifdef __SSE2__
  CHECK(_MM_GET_DENORMALS_ZERO_MODE() == _MM_DENORMALS_ZERO_ON);
#endif
}

std::string submitted(mrun_engine *engine, const mrun_value &input) {
  std::promise<std::string> answer;
  mrun_item item;
  MRUN_INIT(item);
  item.json = 1;
  const auto done = [](void *user, mrun_result *r) {
    fesetround(FE_DOWNWARD);  // and leaves it so
    static_cast<std::promise<std::string> *>(user)->set_value(r->json == nullptr ? "" : r->json);
  };
  REQUIRE(mrun_submit(engine, &input, &item, -1, done, &answer, nullptr) == MRUN_OK);
  return answer.get_future().get();
}

}  // namespace

TEST_CASE("A host's rounding and denormals change no answer, and stay the host's") {
  const Folder folder("json", thirds);
  std::string wanted;
  {
    const Running running(folder);
    wanted = run(running.engine, "1").json;
    CHECK(wanted.find("true") != std::string::npos);
  }
  for (const int isolation : {MRUN_ISOLATION_NONE, MRUN_ISOLATION_PROCESS}) {
    mrun_options o = options(2);
    o.isolation = isolation;
    const OddMode mode;
    const Running running(folder, &o);
    want_odd_mode();
    CHECK(run(running.engine, "1").json == wanted);
    for (int i = 0; i < 4; ++i) CHECK(submitted(running.engine, mrun_text("1")) == wanted);
    want_odd_mode();
  }
}

TEST_CASE("What a tensor's deleter leaves of the mode changes no later answer") {
  const Folder folder("json",
                      {{"postprocess.lua", "return function(x) emit(0) return type(x) == 'number' and x / 3 end"}});
  mrun_options o = options(1);
  o.isolation = MRUN_ISOLATION_NONE;
  const Running running(folder, &o);
  mrun_value one{};
  one.kind = MRUN_FLOAT;
  one.as.number = 1;
  const std::string wanted = submitted(running.engine, one);
  CHECK(wanted.find("0.333") == 0);
  float numbers[2] = {};
  int64_t shape[] = {2};
  DLManagedTensor dl{};
  dl.dl_tensor = {numbers, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  dl.deleter = [](DLManagedTensor *) { fesetround(FE_UPWARD); };
  mrun_value tensor{};
  REQUIRE(mrun_tensor(&dl, &tensor) == MRUN_OK);
  std::promise<void> dropped, answered;
  mrun_item item;
  MRUN_INIT(item);
  item.emit = [](void *user, const mrun_value *) { static_cast<std::promise<void> *>(user)->get_future().wait(); };
  item.emit_user = &dropped;
  const auto done = [](void *user, mrun_result *) { static_cast<std::promise<void> *>(user)->set_value(); };
  REQUIRE(mrun_submit(running.engine, &tensor, &item, -1, done, &answered, nullptr) == MRUN_OK);
  mrun_value_free(&tensor);  // the engine's is the last
  dropped.set_value();
  answered.get_future().wait();
  CHECK(submitted(running.engine, one) == wanted);
}
