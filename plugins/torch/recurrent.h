// Layers of GRU and LSTM in place of libtorch's own, for float on the CPU: the same bits in less time
// where rows are few.
#pragma once

namespace torch {
class Library;
}

namespace mrun_torch {

// Takes the operators gru and lstm, of padded and of packed sequences; what is unusual goes on to libtorch.
void add_recurrent_layers(torch::Library &aten);

}  // namespace mrun_torch
