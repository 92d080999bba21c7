#include "frcnn/viz.hpp"

#include "frcnn/eval.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("viz: draws what eval speaks of: objects on an image, curve points in a chart") {
  std::vector<eval::truth_box> const truth{{{10, 10, 30, 30}, 1}};
  std::vector<detection> const found{{{11, 10, 30, 30}, .9f, 1}};
  std::vector<std::string> const names{"cat"};
  image im(64, 48);
  viz::draw_truth(im, truth, names);
  viz::draw_detections(im, found, names);
  CHECK(im.pixels != image(64, 48).pixels);

  auto const result = eval::evaluate_voc(std::span(&found, 1), std::span(&truth, 1), 1);
  auto const series = viz::precision_recall_series(names[0], result.classes[0].curve);
  CHECK(series.x == std::vector<double>{0, 1});
  CHECK(viz::line_chart(viz::precision_recall_options("cat"), std::span(&series, 1)).starts_with("<svg "));
}
