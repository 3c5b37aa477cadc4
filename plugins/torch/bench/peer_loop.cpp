// A model called on what it gave before, direct: peer_loop MODEL ROWS WIDTH STEPS. Prints nanoseconds of processor time a
// row and step.
#include <ATen/Parallel.h>
#include <torch/script.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const int rows = std::atoi(argv[2]), width = std::atoi(argv[3]), steps = std::atoi(argv[4]);
  const c10::InferenceMode guard;
  at::set_num_threads(1);
  torch::jit::Module model = torch::jit::load(argv[1]);
  model.eval();
  model = torch::jit::freeze(model);
  at::Tensor state = at::zeros({rows, width});
  std::clock_t begin = 0;
  for (int step = -steps / 4; step < steps; ++step) {  // the first ones only tune it
    if (step == 0) begin = std::clock();
    state = model.forward({state}).toTensor();
  }
  std::printf("%.1f\n", double(std::clock() - begin) * 1e9 / CLOCKS_PER_SEC / (double(rows) * steps));
  std::fflush(stdout);
  _exit(0);
}
