// Which presets are of one family, and which settings a configuration must leave to its preset.
#include "../sentence.hpp"
#include "narrow_preset.hpp"

#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/unshared.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#include "frcnn/presets/zf.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace detector_tests;

namespace {

struct typed : presets::plain_torchvision<12, cpu, float> {
  static constexpr char const* name = "typed";
  static config_type config(std::vector<std::string> classes) {
    auto c = narrow_preset<>::config(std::move(classes));
    c.preset = name;
    return c;
  }
};
struct other : presets::small_net<cpu> {  // with parts of its own, which it keeps
  using model = presets::zf<cpu>::model;
};

}  // namespace

TEST_CASE("presets of a convention are one network, shared or not; one whose type says its channels is another") {
  using small = presets::small_net<cpu>;
  using vgg = presets::vgg16_tv<cpu>;
  static_assert(std::is_same_v<small::model, vgg::model> && std::is_same_v<small::model, presets::unshared<vgg>::model>);
  static_assert(std::is_same_v<family_of<small>, family_of<presets::unshared<vgg>>>);
  static_assert(std::is_base_of_v<detector<small::family>, detector<vgg>>);
  static_assert(!std::is_same_v<small::model, presets::zf<cpu>::model>);
  static_assert(!std::is_same_v<typed::model, small::model> &&
                std::is_same_v<family_of<typed>, presets::plain_torchvision<12, cpu, float>>);
  auto config = typed::config({"a"});
  CHECK(typed::make(config)->backbone().channels(0) == 12);
  config.chain = {{backbone::conv(8)}};
  CHECK(sentence([&] { typed::make(config); }) == "backbone: expected a chain whose map has 12 channels, found 8");
  static_assert(std::is_same_v<family_of<other>, other>);
}

TEST_CASE("what of a preset on ResNet is in its code, and not its configuration's to change") {
  auto const refused = []<class Preset>(std::type_identity<Preset>, auto edit) {
    auto config = Preset::config({"a"});
    edit(config);
    auto const text = sentence([&] { detail::check_fixed<Preset>(config); });
    return text.substr(0, text.find(", which is in its code"));
  };
  std::type_identity<presets::fasterrcnn_resnet50_fpn<cpu>> const fpn;
  std::type_identity<presets::resnet50_c4<cpu>> const c4;
  CHECK(refused(fpn, [](auto& c) { c.body.epsilon = 0, c.head.fc6 = 7, c.proposals.convolutions = 2; }) == "nothing");
  std::string const of_fpn = "configuration of preset fasterrcnn_resnet50_fpn, ", of_c4 = "configuration of preset resnet50_c4, ";
  CHECK(refused(fpn, [](auto& c) { c.body = backbone::resnet101_layout(); }) == of_fpn + "body: expected resnet 3 4 6 3 width 64");
  CHECK(refused(fpn, [](auto& c) { c.fpn_channels = 128; }) == of_fpn + "fpn_channels: expected 256");
  CHECK(refused(fpn, [](auto& c) { c.normalises_all = true; }) == of_fpn + "normalises_all: expected false");
  CHECK(refused(fpn, [](auto& c) { c.head_convolutions = 4; }) == of_fpn + "head_convolutions: expected 0");
  CHECK(refused(fpn, [](auto& c) { c.shares = false; }) == of_fpn + "shares: expected true");
  CHECK(refused(fpn, [](auto& c) { c.head.names[0] = "5"; }) == of_fpn + "head.names: expected fc6 fc7");
  CHECK(refused(c4, [](auto&) {}) == "nothing");
  CHECK(refused(c4, [](auto& c) { c.body.blocks[3] = 2; }) == of_c4 + "body.blocks[3]: expected 3");  // of the head, in no spec
  CHECK(refused(c4, [](auto& c) { c = presets::resnet50_c4<cpu>::without_head(c); }) == of_c4 + "has_head_stage: expected true");
}
