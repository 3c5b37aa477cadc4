// The one place that compiles Catch2's main: version 2 (a macro) and version 3 (its own library has one).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
int main(int argc, char **argv) { return Catch::Session().run(argc, argv); }
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

// AddressSanitizer, where it is linked, shall refuse an allocation that is too large as malloc does, not end the test.
extern "C" __attribute__((visibility("default"))) const char *__asan_default_options();
const char *__asan_default_options() { return "allocator_may_return_null=1"; }
