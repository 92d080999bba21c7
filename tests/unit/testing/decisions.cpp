#include "frcnn/testing/decisions.hpp"

#include "../detector/narrow.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {
template <class Rules>
auto make(double dropout) {
  auto model = parts<double, Rules>::make(narrow_chain::make(), narrow_rpn<Rules>(), narrow_head<Rules>(dropout));
  liven(*model);
  model->parameters().enable_gradients();
  return model;
}
}  // namespace

TEST_CASE_TEMPLATE("replayed decisions give the same losses and gradients, whatever is drawn", Rules, conventions::torchvision,
                   conventions::caffe) {
  for (double const dropout : {0., .5}) {
    CAPTURE(dropout);
    auto const model = make<Rules>(dropout);
    using tape_type = typename std::remove_reference_t<decltype(*model)>::tape;
    cpu::context c(1);
    scene<double> here({{64, 80}, {72, 56}});
    tape_type first;
    auto const losses = losses_of_step(*model, c, here, first);
    auto const gradients = take_gradients(*model);
    auto const d = testing::record(c, first);
    CHECK(d.anchor_label.dims[0] == 2);
    CHECK(d.roi_label.dims == shape<2>{{2, 16}});
    CHECK(d.mask6.values.size() == (dropout > 0 ? 320 : 0));
    CHECK(d.mask7.values.size() == (dropout > 0 ? 256 : 0));

    // Another seed draws other anchors and RoIs, and so other losses.
    scene<double> other = here;
    other.state[0] += 1;
    tape_type fresh;
    CHECK_FALSE(same_bits(losses_of_step(*model, c, other, fresh), losses));
    take_gradients(*model);

    tape_type second;
    testing::replay(c, d, second);
    CHECK(same_bits(losses_of_step(*model, c, other, second), losses));
    CHECK(same_bits(take_gradients(*model), gradients));
    CHECK(d.roi_proposal.dims == d.roi_label.dims);
    CHECK(testing::record(c, second).roi_proposal.values == d.roi_proposal.values);
    CHECK(testing::record(c, second).roi_truth.values == d.roi_truth.values);
    // The tape that has drawn for itself can hold as well, and draw again.
    testing::replay(c, d, fresh);
    CHECK(same_bits(losses_of_step(*model, c, other, fresh), losses));
    CHECK(same_bits(take_gradients(*model), gradients));
    testing::release(fresh);
    CHECK_FALSE(same_bits(losses_of_step(*model, c, other, fresh), losses));
  }
}

TEST_CASE("a half that has not run is empty, and stays free") {
  auto const model = make<conventions::torchvision>(0);
  cpu::context c(1);
  scene<double> here({{64, 80}});
  std::remove_reference_t<decltype(*model)>::tape rpn_only, next;
  std::vector<double> loss(4);
  model->step_rpn(c, here.images(), here.objects(), here.random(), rpn_only, {loss.data(), {{4}}});
  auto const d = testing::record(c, rpn_only);
  CHECK(d.anchor_label);
  CHECK_FALSE(d.rois);
  testing::replay(c, d, next);
  CHECK(next.proposals.decided.held);
  CHECK_FALSE(next.head.decided.held);
  losses_of_step(*model, c, here, next);
  CHECK(testing::record(c, next).rois);
}

TEST_CASE("what is recorded is a copy") {
  auto const model = make<conventions::torchvision>(.5);
  cpu::context c(1);
  scene<double> here({{64, 80}}), there({{64, 80}}, 2);
  std::remove_reference_t<decltype(*model)>::tape tape;
  losses_of_step(*model, c, here, tape);
  auto const d = testing::record(c, tape);
  auto const copy = d;
  losses_of_step(*model, c, there, tape);
  CHECK(d.anchor_label.values == copy.anchor_label.values);
  CHECK(testing::record(c, tape).anchor_label.values != copy.anchor_label.values);
  CHECK(testing::record(c, tape).mask6.values != copy.mask6.values);
}
