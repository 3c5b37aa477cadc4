// Boxes drawn.
#include <mrun/message.hpp>

#include "draw.h"
#include "operations.h"

// In a namespace of their own, so that each name means one function.
namespace image::operations {
namespace {

// "cat 0.93" and "cat 0.41" are of one colour.
std::string without_score(const std::string &label) {
  const size_t end = label.find_last_not_of("0123456789.,% ");
  return label.substr(0, end == std::string::npos ? label.size() : end + 1);
}

tensor draw_boxes(call &c, const value &image, const value &boxes,
                  const std::optional<std::vector<std::string>> &labels, int64_t line) {
  return guarded([&] {
    const Picture p = picture(c, image);
    want_u8(p);
    if (p.shape().channels == 2) bad_argument("the image has 2 channels; wanted 1, 3 or 4");
    if (line < 0 || line > 1000) bad_argument("line is " + std::to_string(line) + "; wanted 0 to 1000");
    std::vector<Box> list;
    for (const Edges &e : boxes_of(c, boxes)) list.push_back({e.left, e.top, e.right, e.bottom, {}, 0});
    if (labels && labels->size() != list.size())
      bad_argument("labels has " + mrun::counted(labels->size(), "text") + "; wanted " + std::to_string(list.size()) +
                   ", one a box");
    std::map<std::string, int> colours;
    for (size_t i = 0; labels && i < list.size(); ++i) {
      list[i].label = (*labels)[i].substr(0, 200);
      list[i].colour = colours.emplace(without_score(list[i].label), int(colours.size())).first->second;
    }
    tensor t = new_tensor(c, p.shape());
    HostContext context(c);
    p.node->write(context, canvas_of(t));
    draw_boxes(canvas_of(t), list, int(line));
    return t;
  });
}

}  // namespace
}  // namespace image::operations

namespace image {

void add_draw(const mrun::registrar &r) {
  r.op<operations::draw_boxes>("image.draw_boxes@1(Any image, Any boxes, str[]? labels=None, *, int line=0) -> Tensor",
                               "A copy with boxes and labels.");
}

}  // namespace image
