/* A C99 host: one bundle, one answer; then a few inputs through the queue. */
#include <stdio.h>
#include <string.h>
#include "mrun/mrun.h"

static void done(void *user, mrun_result *r) {
  ++*(int *)user;
  puts(r->json ? r->json : mrun_code_name(r->code));
}
int main(int argc, char **argv) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_error error = {0, NULL, NULL};
  mrun_options options;
  mrun_item item;
  mrun_result result;
  int answers = 0;
  MRUN_INIT(options);
  options.workers = 1; /* `done` counts without a lock */
  MRUN_INIT(item);
  item.json = 1;
  if (argc < 3) return 2;
  if (mrun_open(argv[1], NULL, &bundle, &error) || mrun_start(bundle, &options, &engine, &error)) {
    fprintf(stderr, "%s: %s\n", mrun_code_name(error.code), error.message);
    mrun_error_free(&error);
    mrun_close(bundle);
    return 3;
  }
  mrun_value input = mrun_text(argv[2]);
  if (mrun_run(engine, &input, &item, &result) == MRUN_OK) {
    const mrun_value *p = mrun_get(&result.answer, "prediction");
    if (p && p->kind == MRUN_TENSOR) printf("%d dimensions\n", (int)p->as.tensor.dl->dl_tensor.ndim);
    puts(result.json);
  } else {
    fprintf(stderr, "%s in %s: %s\n", mrun_code_name(result.code), result.stage, result.error.message);
  }
  mrun_result_free(&result);
  for (int i = 2; i < argc; ++i) {
    input = mrun_text(argv[i]);
    if (mrun_submit(engine, &input, &item, -1.0, done, &answers, NULL)) return 1;
  }
  mrun_drain(engine);
  mrun_stop(engine);
  mrun_close(bundle);
  return answers == argc - 2 ? 0 : 1;
}
