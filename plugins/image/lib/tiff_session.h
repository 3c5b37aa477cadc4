// libtiff over memory.
#pragma once
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "pixels.h"

namespace image {

constexpr long long most_at_once = 1LL << 31;  // bytes that libtiff may ask for

// Whether libtiff's words say that there was no memory. It has the same ones for a file that claims nothing, or more than there can be.
inline bool tells_shortage(const std::string &message) {
  const size_t size = message.find(" (");
  long long count = 0, bytes = 0;
  if (message.starts_with("Failed to allocate memory for ") && size != std::string::npos &&
      std::sscanf(message.c_str() + size, " (%lld elements of %lld bytes each)", &count, &bytes) == 2) {
    return count > 0 && bytes > 0 && count <= most_at_once / bytes;
  }
  constexpr const char *words[] = {"ut of memory",      "ot enough memory", "No space ",
                                   "ailed to allocate", "annot allocate",   "Unable to allocate"};
  return std::ranges::any_of(words, [&](const char *w) { return message.find(w) != std::string::npos; });
}

// One TIFF* over memory, with its own error handler (libtiff's global ones stay as they are).
class TiffSession {
 public:
  TiffSession(const uint8_t *data, size_t size) : source_{data, size, 0, {}} {
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                   TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_at_once);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source_);
    // m: nothing to map, the bytes are here. The first directory alone is read.
    tiff = TIFFClientOpenExt("image", "rm", &source_, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr,
                             options.get());
    if (!tiff) fail();
  }
  ~TiffSession() { TIFFClose(tiff); }
  TiffSession(const TiffSession &) = delete;
  TiffSession &operator=(const TiffSession &) = delete;

  template <class T>
  T field(uint32_t tag, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
  }
  [[noreturn]] void fail() const {
    if (source_.is_short) throw std::bad_alloc();
    bad_input("the TIFF cannot be read" + (source_.message.empty() ? std::string() : ": " + source_.message));
  }
  TIFF *tiff = nullptr;

 private:
  struct Source {
    const uint8_t *data;
    size_t size;
    uint64_t at = 0;
    std::string message;    // of the first error
    bool is_short = false;  // it is that there was no memory
    bool claims = false;    // the last warning was that the file claims more than it holds
  };

  static int on_error(TIFF *, void *user, const char *, const char *format, va_list args) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, args);
    auto *source = static_cast<Source *>(user);
    if (!source->message.empty()) return 1;
    source->message = text;
    source->is_short = tells_shortage(source->message) && !source->claims;
    return 1;
  }
  // From 4.7 on libtiff speaks of memory where a tag claims more than the file holds, and warns of that before.
  static int on_warning(TIFF *, void *user, const char *, const char *format, va_list args) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, args);
    static_cast<Source *>(user)->claims = std::strstr(text, "is greater than filesize") != nullptr;
    return 1;
  }
  static tmsize_t on_read(thandle_t h, void *to, tmsize_t count) {
    auto *s = static_cast<Source *>(h);
    if (s->at >= s->size || count <= 0) return 0;
    const size_t n = std::min<size_t>(size_t(count), s->size - s->at);
    std::memcpy(to, s->data + s->at, n);
    s->at += n;
    return tmsize_t(n);
  }
  static tmsize_t on_write(thandle_t, void *, tmsize_t) { return 0; }
  static toff_t on_seek(thandle_t h, toff_t offset, int whence) {
    auto *s = static_cast<Source *>(h);
    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->size + offset;
    return s->at;
  }
  static int on_close(thandle_t) { return 0; }
  static toff_t on_size(thandle_t h) { return static_cast<Source *>(h)->size; }
  Source source_;
};

}  // namespace image
