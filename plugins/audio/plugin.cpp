// The plugin audio: op_*.cpp wrap the library in lib/; audio.lua is its Lua face, audio.md its page.
#include "operations.h"

extern const char mrun_lua_audio[];

MRUN_PLUGIN("audio", "1.0.0", "Sound: decoding, resampling, spectrograms, mel", mrun_lua_audio, "Apache-2.0") {
  audio::add_decode(*this);
  audio::add_resample(*this);
  audio::add_spectrum(*this);
  audio::add_fbank(*this);
}
