// The plugin image: op_*.cpp wrap the library in lib/; image.lua is its Lua face, image.md its page.
#include "operations.h"

extern const char mrun_lua_image[];

MRUN_PLUGIN("image", "1.0.0", "Images: decode, resize as Pillow does, crop, normalize, draw, encode", mrun_lua_image,
            "Apache-2.0") {
  type<image::Image>();
  image::add_codec(*this);
  image::add_size(*this);
  image::add_colour(*this);
  image::add_draw(*this);
  image::add_warp(*this);
}
