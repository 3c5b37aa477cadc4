#include "backend.h"

#include "backend_model.h"
#include "guard.h"
#include "scope.h"
#include "split.h"

namespace mrun_torch {
namespace {

const Model &model_of(void *model) { return *static_cast<const Model *>(model); }

int open_model(mrun_call *call, const mrun_model_source *source, void **model) {
  return guarded(
      call,
      [&] {
        const Scope scope(call, Scope::load);
        *model = Model::open(call, *source).release();
      },
      MRUN_BUNDLE);
}

int clone_model(mrun_call *call, void *model, void **copy) {
  return guarded(call, [&] {
    const Scope scope(call, Scope::load);
    *copy = model_of(model).clone().release();
  });
}

int call_model(mrun_call *call, void *model, size_t method, const mrun_value *args, mrun_value *results) {
  return guarded(call, [&] {
    const Scope scope(call);
    model_of(model).call(call, method, args, results);
  });
}

int split_model(mrun_call *call, const void *data, size_t size, mrun_value *graph, mrun_value *weights) {
  return guarded(
      call,
      [&] {
        const Scope scope(call, Scope::load);
        split(call, data, size, graph, weights);
      },
      MRUN_BUNDLE);
}

const mrun_backend backend = {sizeof(mrun_backend),
                              0,
                              "torch",
                              ".pt .pth",
                              &open_model,
                              [](void *model) { delete static_cast<Model *>(model); },
                              [](void *model, size_t index) { return model_of(model).method(index); },
                              &call_model,
                              1,
                              &split_model,
                              [](void *model, size_t index) { return model_of(model).traits(index); },
                              &clone_model};

}  // namespace

int register_backend(mrun_registry *registry) { return mrun::host->add_backend(registry, &backend); }

}  // namespace mrun_torch
