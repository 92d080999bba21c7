#pragma once
// What train_voc can be told. Zero and empty: the preset's.
#include "../console/anchor_options.hpp"
#include "../console/compute_options.hpp"
#include "../console/data_options.hpp"
#include "../console/scores.hpp"
#include "augment_options.hpp"
#include "imbalance_options.hpp"
#include "protocol.hpp"
#include "validation_options.hpp"

#include <frcnn/train/map_cache.hpp>
#include <frcnn/train/steps.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

struct arguments {
  std::vector<std::string> data, test;
  std::optional<double> bn_eps;  // of --init
  std::string preset = "small", protocol = "voc", scheme = "joint", classes, init, init_key, init_classes, out = "run", iterations,
              maps_mb = "1024,8192", proposals, test_proposals, targets;
  std::vector<double> lr_drop;
  console::anchor_arguments anchors;
  console::augment_arguments augment;
  console::imbalance_arguments imbalance;
  std::vector<int> scales;
  double lr = 0;
  std::int64_t checkpoint_every = 200;
  int rounds = 1, epochs = 0, batch = 0, accumulate = 0, rpn_batch = 0, roi_batch = 0, short_side = 0, max_side = 0;
  console::metric_argument metric;
  console::compute_arguments compute;
  console::data_arguments reading;
  console::validation_arguments validation;
  double lambda = 0, n_cls = 0, n_reg = 0, region_side = 0;  // 0: the default
  double proposal_gradient = 0.25;
  std::uint64_t seed = 0;
  int diagnose_every = 100;
  std::size_t cache_mb = 512;
  std::optional<int> workers;
  bool strict = false, new_predictors = false, no_test = false, no_overlap = false, resume = false, tensorboard = false;

  // Whether all steps are of one kind.
  bool is_joint() const { return scheme == frcnn::joint_step::name || is_exact(); }
  bool is_exact() const { return scheme == frcnn::exact_step::name; }
  // Of a run on regions from outside, there is no scheme.
  std::string recipe_name() const { return proposals.empty() ? scheme : "fast-rcnn"; }
  console::trained trains() const {
    using enum console::trained;
    return !proposals.empty() ? head : is_joint() ? together : in_turns;
  }
  // Of the RPN's steps, then of the head's; one number where they are trained together. Empty: epochs say.
  std::vector<std::int64_t> steps() const;
  frcnn::map_budget maps() const;
  // Throws where the folder of a new run holds one.
  void check_new(std::filesystem::path const& folder) const;
  // What options mean together, that the files they name are there, and the device.
  void check() const;
};

void declare(CLI::App& app, arguments& a);
