#pragma once
// What a run trains, as its arguments, the preset and the number of processes say: images, batches, schedules; and what a run that is resumed
// must have in common with it.
#include "options.hpp"
#include "processes.hpp"
#include "protocol.hpp"

#include <frcnn/data/epoch_plan.hpp>
#include <frcnn/detector/model_config.hpp>
#include <frcnn/train/trainer.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

// How one kind of step is trained.
struct training_plan {
  frcnn::trainer_options options;
  int batch;                   // images of a micro-batch, of all processes
  std::int64_t per_epoch = 1;  // optimiser steps
};

// What the loader is told, but for regions, batch and share. Says how images are augmented.
frcnn::data::training_options loader_options_of(arguments const& a, frcnn::model_config const& config, int channels);

// A plan for each solver: of joint training, or of the RPN's steps and of the head's. batches_per_epoch: of that many images.
std::vector<training_plan> plans_of(arguments const& a, std::vector<frcnn::presets::training_defaults> const& solvers,
                                    console::process_history const& history, int processes,
                                    std::function<std::int64_t(int batch)> const& batches_per_epoch);
// The sizes of batches that there are.
std::set<int> batch_sizes(std::vector<training_plan> const& plans);
// What --protocol coco means, behind all other options.
void say_protocol(arguments const& a, std::vector<training_plan> const& plans);

// Of a run, by option: its checkpoints keep it. Without --threads and --proposals, which train_voc adds. empirical: how the head's targets
// are normalised.
using run_identity = std::map<std::string, std::string>;
run_identity identity_of(arguments const& a, frcnn::model_config const& config, bool empirical, std::vector<training_plan> const& plans,
                         frcnn::data::training_options const& images, frcnn::pixel_layout const& layout,
                         frcnn::data::dataset const& validation);
