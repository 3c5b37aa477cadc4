/* Ends while its engine works: ending BUNDLE PLUGIN main|callback|direct|engine. The bundle answers "quick" at once, and works on
 * anything else until it is told to end. */
#include <mrun/mrun.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mrun_engine *engine;

static void let_go(void *user, mrun_result *result) { (void)user, (void)result; }
static void end_here(void *user, mrun_result *result) {
  (void)user, (void)result;
  exit(0);
}
static void stop(void) { mrun_stop(engine); }
static void *end_soon(void *user) {
  (void)user;
  usleep(100000);
  exit(0);
}

int main(int argc, char **argv) {
  mrun_bundle *bundle = NULL;
  mrun_options options;
  mrun_value quick = mrun_text("quick"), slow = mrun_text("slow");
  mrun_result result;
  if (argc != 4) return 2;
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_NONE;
  options.workers = 2;
  options.timeout = -1;
  if (!strcmp(argv[3], "engine")) atexit(stop); /* after what the engine does then */
  if (mrun_load_plugin(argv[2], NULL) || mrun_open(argv[1], NULL, &bundle, NULL)) return 3;
  if (mrun_start(bundle, &options, &engine, NULL)) return 4;
  if (!strcmp(argv[3], "direct")) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_soon, NULL)) return 5;
    mrun_run(engine, &slow, NULL, &result);
    return 6; /* nobody comes back from it */
  }
  if (mrun_submit(engine, &slow, NULL, -1, let_go, NULL, NULL)) return 7;
  if (!strcmp(argv[3], "callback")) {
    if (mrun_submit(engine, &quick, NULL, -1, end_here, NULL, NULL)) return 7;
    pause();
  }
  usleep(100000); /* it works */
  return 0;
}
