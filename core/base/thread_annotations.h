// Which lock guards what, in a form that clang checks (-Wthread-safety; the test thread_safety runs it) and other
// compilers pass over. The standard's mutexes carry no marks, so what is checked uses those of base/mutex.h.
#pragma once

#if defined(__clang__)
#define MRUN_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define MRUN_THREAD_ANNOTATION(x)
#endif

// Of members: read and written only with the lock held (of a pointer's target: PT_GUARDED_BY).
#define GUARDED_BY(mutex) MRUN_THREAD_ANNOTATION(guarded_by(mutex))
#define PT_GUARDED_BY(mutex) MRUN_THREAD_ANNOTATION(pt_guarded_by(mutex))
// Of locks: the order in which they are taken.
#define ACQUIRED_BEFORE(...) MRUN_THREAD_ANNOTATION(acquired_before(__VA_ARGS__))
// Of functions: the caller holds the lock, holds it at least for reading, or does not hold it.
#define REQUIRES(...) MRUN_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) MRUN_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) MRUN_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
// Of locks and guards themselves.
#define CAPABILITY(name) MRUN_THREAD_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY MRUN_THREAD_ANNOTATION(scoped_lockable)
#define ACQUIRE(...) MRUN_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) MRUN_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) MRUN_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) MRUN_THREAD_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) MRUN_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
// What the checker cannot follow; say why.
#define NO_THREAD_SAFETY_ANALYSIS MRUN_THREAD_ANNOTATION(no_thread_safety_analysis)
