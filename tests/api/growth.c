/* Opens, runs and closes a bundle again and again: growth BUNDLE TEXT TIMES. Prints how much the memory, the number of open
 * descriptors and that of threads grew after the first tenth of the rounds. */
#include <dirent.h>
#include <mrun/mrun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "VmRSS: %ld" is in KiB, "Threads: %ld" a count. */
static long status(const char *format) {
  char line[256];
  long number = -1;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f)) {
    if (sscanf(line, format, &number) == 1) break;
  }
  if (f) fclose(f);
  return number;
}

static int descriptors(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d && readdir(d)) ++n;
  if (d) closedir(d);
  return n;
}

static void ignore(void *user, mrun_result *result) { (void)user, (void)result; }

static int once(const char *path, const char *text) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_error error = {0, NULL, NULL};
  mrun_result result;
  mrun_value input = mrun_text(text);
  int code = mrun_open(path, NULL, &bundle, &error);
  if (!code) code = mrun_start(bundle, NULL, &engine, &error);
  mrun_close(bundle); /* the engine keeps it */
  if (code) {
    fprintf(stderr, "%s\n", error.message);
    mrun_error_free(&error);
    return code;
  }
  code = mrun_run(engine, &input, NULL, &result);
  mrun_result_free(&result);
  if (!code) code = mrun_submit(engine, &input, NULL, -1, ignore, NULL, NULL); /* starts a worker */
  if (!code) code = mrun_drain(engine);
  mrun_stop(engine);
  return code;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int times = atoi(argv[3]), files = 0;
  long memory = 0, threads = 0;
  for (int i = 0; i < times; ++i) {
    if (i == times / 10) memory = status("VmRSS: %ld"), threads = status("Threads: %ld"), files = descriptors();
    int code = once(argv[1], argv[2]);
    if (code) return 1;
  }
  printf("%ld %d %ld\n", status("VmRSS: %ld") - memory, descriptors() - files, status("Threads: %ld") - threads);
  return 0;
}
