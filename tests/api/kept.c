/* A script keeps its input when the host has let the bytes go: kept BUNDLE, of kind bytes, which answers with the first byte of
 * the item before. */
#include <mrun/mrun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(mrun_engine *engine, int byte, char *answer, size_t room) {
  const size_t size = 1 << 20;
  mrun_result result;
  mrun_item item;
  char *data = malloc(size);
  if (!data) return 1;
  MRUN_INIT(item);
  item.json = 1;
  memset(data, byte, size);
  mrun_value input = mrun_bytes(data, size);
  int code = mrun_run(engine, &input, &item, &result);
  snprintf(answer, room, "%s", result.json ? result.json : mrun_code_name(code));
  mrun_result_free(&result);
  mrun_value_free(&input);
  memset(data, 0, size);
  free(data);
  return code;
}

int main(int argc, char **argv) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_options options;
  char answer[100];
  MRUN_INIT(options);
  options.workers = 1;
  if (argc != 2 || mrun_open(argv[1], NULL, &bundle, NULL) || mrun_start(bundle, &options, &engine, NULL)) return 2;
  for (int byte = 7; byte < 10; ++byte) {
    if (run(engine, byte, answer, sizeof answer)) return 1;
    puts(answer);
  }
  mrun_stop(engine);
  mrun_close(bundle);
  return 0;
}
