// A plugin for tests: models whose answers tell what they were joined with, and that hold weights.
#include <unistd.h>

#include <chrono>
#include <mrun/plugin_backend.hpp>
#include <thread>

namespace {

// y = x + the sum of the batch / 1024, in a time that depends on the sum.
struct Company {
  Company(const mrun::call &, const mrun::model_source &source) {
    for (const std::string &name : source.files()) {
      weights = source.map(name.c_str());
      for (int64_t i = 0; i < weights.numel(); i += 4096) touched += weights.data<const unsigned char>()[i];
    }
  }
  mrun::tensor forward(const mrun::call &c, const mrun::tensor &x) const {
    const mrun::tensor in = x.contiguous(c);
    mrun::tensor out = mrun::tensor::empty(c, mrun::float32, x.shape());
    float sum = 0;
    for (int64_t i = 0; i < in.numel(); ++i) sum += in.data<const float>()[i];
    for (int64_t i = 0; i < in.numel(); ++i) out.data<float>()[i] = in.data<const float>()[i] + sum / 1024;
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(sum) % 5 * 300));
    return out;
  }
  mrun::tensor weights;
  int64_t touched = 0;
};

mrun::tensor tensor(const mrun::call &c, double x, int64_t length) {
  mrun::tensor t = mrun::tensor::empty(c, mrun::float32, {length});
  for (int64_t i = 0; i < length; ++i) t.data<float>()[i] = static_cast<float>(x);
  return t;
}

int64_t process() { return getpid(); }

}  // namespace

MRUN_PLUGIN("company", "1.0.0", "Models that tell what they were joined with.") {
  mrun::backend<Company>(*this, "company", ".company")
      .parallel()
      .method<&Company::forward>("forward(Tensor x) -> (Tensor y)");
  op<tensor>("company.tensor@1(float x, int length) -> Tensor", "float32, x everywhere.");
  op<process>("company.process@1() -> int", "The process's number.");
}
