#pragma once
// The proposals of a trained RPN as the regions of a later stage: what step 2 and step 4 of alternating training learn from.
//
//   stage_proposals p;
//   p.make(detector, set, true);          of every image and, where it may be mirrored, of its mirror image, on which the RPN runs anew
//   data_feed<Rules> feed(set, {.., .regions = p.source(), .most_regions = 2000});
// Limits are those of phase::stage: as many as there are before NMS, 2,000 after it. Boxes are in pixels of the unmirrored image, by
// descending objectness. They stay as they were made, whatever becomes of the detector; a source outlives its maker. 16 bytes a box.
#include "frcnn/data/loader.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/train/evaluation.hpp"

#include <array>
#include <memory>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class stage_proposals {
 public:
  // done(n): after each image; may throw, and then nothing was made.
  template <class Preset, data::DataSource Source>
  void make(detector<Preset> const& d, Source const& set, bool mirrored, std::function<void(std::size_t)> const& done = {}) {
    using rules = typename Preset::convention;
    lists_.reset();
    auto made = std::make_shared<lists>(set.size());
    typename detector<Preset>::session s(d);
    std::vector<std::uint8_t> mirror;
    for_each_image(set, [&](std::size_t i, image_view const& im) {
      (*made)[i][0] = d.propose(s, im, phase::stage);
      if (mirrored) {
        auto& boxes = (*made)[i][1] = d.propose(s, mirrored_view(im, mirror), phase::stage);
        for (auto& b : boxes) b = rules::flip_box(b, static_cast<float>(im.width));
      }
      for (auto& boxes : (*made)[i]) std::erase_if(boxes, [&](box<float> const& b) { return !meets(b, im.width, im.height); });
      if (done) done(i + 1);
    });
    lists_ = std::move(made);
  }

  region_source source() const {
    if (!lists_) throw error("stage_proposals", "proposals that were made", "none");
    return [all = lists_](std::size_t index, bool flipped) { return regions_of((*all)[index][flipped ? 1 : 0]); };
  }

 private:
  using lists = std::vector<std::array<std::vector<box<float>>, 2>>;  // of each image as it is, and of its mirror image

  static image_view mirrored_view(image_view const& im, std::vector<std::uint8_t>& memory) {
    auto const bytes = static_cast<std::size_t>(im.pixel_bytes());
    memory.resize(checked::elements(shape<3>{{im.height, im.width, im.pixel_bytes()}}));
    auto* out = memory.data();
    for (int y = 0; y < im.height; ++y)
      for (int x = im.width; x-- > 0; out += bytes) std::copy_n(im.row(y) + static_cast<std::size_t>(x) * bytes, bytes, out);
    image_view view = im;
    view.data = memory.data();
    view.row_stride = 0;
    return view;
  }

  // What rounding on the way back to original pixels leaves of a box at the border may be none.
  static bool meets(box<float> const& b, int w, int h) {
    return b.x1 < b.x2 && b.y1 < b.y2 && b.x2 > 0 && b.y2 > 0 && b.x1 < static_cast<float>(w) && b.y1 < static_cast<float>(h);
  }

  std::shared_ptr<lists const> lists_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
