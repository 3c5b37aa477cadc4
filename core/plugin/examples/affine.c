/* A plugin with a model backend of its own: files "*.affine", a text "affine ROWS COLUMNS", whose numbers are in the further file
 * "weights.f32" of the model (in a bundle's folder model/main/weights.f32): a matrix, row by row, and a vector of ROWS, as float32.
 * The method forward(x) gives matrix * x + vector for x [COLUMNS] or [n, COLUMNS]. */
#include <mrun/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mrun_host *host;

typedef struct affine {
  int rows, columns;
  mrun_value weights; /* a mapping, kept */
} affine;

static const float *floats(const mrun_value *tensor) {
  const DLTensor *t = &tensor->as.tensor.dl->dl_tensor;
  return (const float *)((const char *)t->data + t->byte_offset);
}

static int read_head(mrun_call *call, const mrun_model_source *source, affine *model) {
  char head[64] = "", more = 0;
  memcpy(head, source->graph.data, source->graph.size < sizeof head - 1 ? source->graph.size : sizeof head - 1);
  if (sscanf(head, "affine %d %d %c", &model->rows, &model->columns, &more) != 2 || model->rows < 1 ||
      model->columns < 1 || model->rows > 100000 || model->columns > 100000)
    return host->fail(call, MRUN_MODEL, "no affine model: want \"affine ROWS COLUMNS\"");
  return MRUN_OK;
}

static int read_weights(mrun_call *call, const mrun_model_source *source, affine *model) {
  int code = source->map(call, source->files, "weights.f32", &model->weights);
  int64_t wanted = ((int64_t)model->columns + 1) * model->rows * 4;
  if (code == MRUN_MISSING)
    return host->fail(call, MRUN_MODEL, "an affine model has a file weights.f32; it is not there");
  if (code) return code;
  if (model->weights.as.tensor.dl->dl_tensor.shape[0] != wanted)
    return host->fail(call, MRUN_MODEL, "weights.f32: want %lld bytes for %d rows and %d columns, got %lld",
                      (long long)wanted, model->rows, model->columns,
                      (long long)model->weights.as.tensor.dl->dl_tensor.shape[0]);
  return MRUN_OK;
}

static void close_model(void *model) {
  host->value_free(&((affine *)model)->weights);
  free(model);
}

static int open_model(mrun_call *call, const mrun_model_source *source, void **out) {
  affine *model = calloc(1, sizeof *model);
  int code;
  if (!model) return host->fail(call, MRUN_MEMORY, "no memory for a model");
  code = read_head(call, source, model);
  if (!code) code = read_weights(call, source, model);
  if (code) return close_model(model), code;
  *out = model;
  return MRUN_OK;
}

static const char *method(void *model, size_t index) {
  (void)model;
  return index == 0 ? "forward(Tensor x) -> (Tensor y)" : NULL;
}

static void multiply(const affine *model, const char *x, int64_t step, float *y) {
  const float *matrix = floats(&model->weights), *vector = matrix + (size_t)model->rows * model->columns;
  int r, c;
  for (r = 0; r < model->rows; ++r) {
    y[r] = vector[r];
    for (c = 0; c < model->columns; ++c) y[r] += matrix[(size_t)r * model->columns + c] * ((const float *)x)[c * step];
  }
}

static int call_model(mrun_call *call, void *opened, size_t index, const mrun_value *args, mrun_value *results) {
  const affine *model = opened;
  const DLTensor *x = &args[0].as.tensor.dl->dl_tensor;
  int last = x->ndim - 1, code;
  int64_t shape[2], n = x->ndim == 2 ? x->shape[0] : 1, i;
  (void)index;
  if (x->dtype.code != kDLFloat || x->dtype.bits != 32 || x->device.device_type != kDLCPU || x->ndim < 1 ||
      x->ndim > 2 || x->shape[last] != model->columns)
    return host->fail(call, MRUN_MODEL, "x: want float32 [%d] or [n, %d] on the CPU", model->columns, model->columns);
  shape[0] = n;
  shape[last] = model->rows;
  code = host->tensor_new(call, x->dtype, shape, x->ndim, x->device, &results[0]);
  for (i = 0; !code && i < n; ++i) {
    const char *row =
        (const char *)x->data + x->byte_offset + i * (x->strides ? x->strides[0] : model->columns) * 4 * last;
    multiply(model, row, x->strides ? x->strides[last] : 1,
             (float *)results[0].as.tensor.dl->dl_tensor.data + i * model->rows);
    code = host->stopped(call);
  }
  return code;
}

static mrun_backend backend;

MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof *plugin;
  plugin->abi = MRUN_ABI;
  plugin->name = "affine";
  plugin->version = "1.0.0";
  plugin->doc = "Models that are one matrix and one vector.";
  backend.size = sizeof backend;
  backend.name = "affine";
  backend.suffixes = ".affine";
  backend.open = open_model;
  backend.close = close_model;
  backend.method = method;
  backend.call = call_model;
  backend.parallel = 1;
  return h->add_backend(plugin->registry, &backend);
}
