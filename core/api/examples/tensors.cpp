// tensors BUNDLE: a host that uses libtorch itself and shares tensors with a bundle both ways, without a copy. It must be the
// libtorch that the plugin `torch` is built for: one process holds one of them.
#include <ATen/ATen.h>
#include <ATen/DLConvertor.h>

#include <cstdio>
#include <mrun/mrun.hpp>

int main(int argc, char **argv) {
  if (argc != 2) return std::fputs("usage: tensors BUNDLE\n", stderr), 2;
  try {
    const mrun::bundle bundle(argv[1]);
    mrun_options options;
    MRUN_INIT(options);
    options.isolation = MRUN_ISOLATION_NONE;  // another process has other memory
    const mrun::engine engine(bundle, &options);

    const at::Tensor x = at::arange(12, at::kFloat).view({3, 4});
    mrun::variant input;
    if (mrun_tensor(at::toDLPack(x), input.out()) != MRUN_OK) return 1;
    const mrun::result r = engine.run(input);
    if (!r) return std::fprintf(stderr, "tensors: %s\n", r.message()), 1;

    DLManagedTensor *shared = nullptr;
    if (mrun_tensor_export(&r.answer(), &shared) != MRUN_OK) return 1;
    const at::Tensor y = at::fromDLPack(shared);
    std::printf("sum %g of %g, %s\n", y.sum().item<double>(), x.sum().item<double>(),
                y.data_ptr() == x.data_ptr() ? "the same memory" : "memory of its own");
  } catch (const mrun::failure &e) { return std::fprintf(stderr, "tensors: %s\n", e.what()), 1; }
}
