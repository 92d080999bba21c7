#pragma once
// tests/golden/voc_ap.txt: objects, detections and proposals, and what an independent implementation makes of them.
#include "frcnn/eval/voc_ap.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

struct golden {
  int classes = 0;
  std::vector<std::vector<frcnn::eval::truth_box>> truths;
  std::vector<std::vector<frcnn::detection>> detections;
  std::vector<std::vector<frcnn::box<float>>> proposals;
  std::vector<std::vector<double>> ap;  // of each class: area, voc07
  struct recall {
    int limit;
    std::vector<double> values;  // at the thresholds, then their mean
  };
  std::vector<recall> recalls;

  static golden read() {
    golden g;
    std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../golden/voc_ap.txt");
    for (std::string line, what; std::getline(in, line);) {
      std::istringstream fields(line);
      std::size_t n = 0;
      if (!(fields >> what >> n)) continue;
      frcnn::box<float> b{};
      std::int32_t label = 0;
      float value = 0;
      if (what == "size") {
        fields >> g.classes;
        g.truths.resize(n), g.detections.resize(n), g.proposals.resize(n);
      } else if (what == "truth") {
        fields >> label >> value >> b.x1 >> b.y1 >> b.x2 >> b.y2;
        g.truths.at(n).push_back({b, label, value != 0});
      } else if (what == "detection") {
        fields >> label >> value >> b.x1 >> b.y1 >> b.x2 >> b.y2;
        g.detections.at(n).push_back({b, value, label});
      } else if (what == "proposal") {
        fields >> b.x1 >> b.y1 >> b.x2 >> b.y2;
        g.proposals.at(n).push_back(b);
      } else {
        std::vector<double> values;
        for (double v; fields >> v;) values.push_back(v);
        if (what == "ap") g.ap.push_back(values);
        else g.recalls.push_back({static_cast<int>(n), values});
        fields.clear();
      }
      REQUIRE(!fields.fail());
    }
    REQUIRE(g.classes > 0);
    REQUIRE(g.ap.size() == static_cast<std::size_t>(g.classes));
    REQUIRE(!g.recalls.empty());
    return g;
  }
};
