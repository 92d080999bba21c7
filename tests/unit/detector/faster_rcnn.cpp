// Parts whose number of channels only their objects know: they are compared when they are composed. (Those whose types say it:
// tests/compile_fail.)
#include "../sentence.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;
using rules = conventions::torchvision;

namespace {

using any = presets::plain_preset<any_channels, cpu, float, rules>;  // the parts of the presets
using any_rpn = region_proposal_network<any::features_type, rules>;

backbone::chain const chain = narrow_chain::make();  // 12 channels
std::array<int, 1> const strides{chain.stride()};
any::backbone_type backbone_of_12() { return any::backbone_type(chain); }
any_rpn rpn_of(int channels) { return any_rpn(make_anchors<rules, 1>({{24, 48, 96}}, {.5, 1, 2}), strides, narrow_rpn<rules>(), channels); }
any::head_type head_of(int channels) { return any::head_type(any::pooler_type(strides, {}, channels), narrow_head<rules>()); }

std::string composed(int rpn_channels, int head_channels) {
  return sentence([&] { any::model(backbone_of_12(), any::generator_type(rpn_of(rpn_channels)), head_of(head_channels)); });
}

}  // namespace

TEST_CASE("parts that know their channels at run time are compared when they are composed") {
  CHECK(any::backbone_type::channels(0) == any_channels);
  CHECK(backbone_of_12().map_channels(0) == 12);
  CHECK(any::model(backbone_of_12(), any::generator_type(rpn_of(12)), head_of(12)).head().map_channels() == 12);
  CHECK(composed(8, 12) == "proposal generator: expected one that reads maps of 12 channels, as the backbone's, found one that reads 8");
  CHECK(composed(12, 16) == "RoI head: expected one that reads maps of 12 channels, as the backbone's, found one that reads 16");
  CHECK(sentence([] { any::generator_type(backbone_of_12(), rpn_of(8)); }) ==
        "generator with a backbone of its own: expected one that reads the 12 channels of its backbone's maps, found one that reads 8");
  CHECK(sentence([] { any_rpn(make_anchors<rules, 1>({{24}}, {1}), strides); }) ==
        "region proposal network: expected the number of channels of its maps, found 0");
  CHECK(sentence([] { any::pooler_type pooler(strides); }) == "RoI pooling: expected the number of channels of its maps, found 0");
}

TEST_CASE("types that say their channels compose with those that do not, and still refuse another number") {
  using f = features<float, cpu, 12>;
  using head = fast_rcnn_head<f, rules, roi::pooler<f, rules>>;
  using model = faster_rcnn<any::backbone_type, any_rpn, head>;
  auto const with = [](backbone::chain c, int n) {
    model(any::backbone_type(std::move(c)), rpn_of(n), head(roi::pooler<f, rules>(strides), narrow_head<rules>()));
  };
  with(chain, 12);
  CHECK(sentence([&] { with({{backbone::conv(8, 3, 2)}}, 8); }) ==
        "RoI head: expected one that reads maps of 8 channels, as the backbone's, found one that reads 12");
  CHECK(sentence([] { roi::pooler<f, rules>(strides, {}, 8); }) == "RoI pooling: expected 12 channels, found 8");
}
