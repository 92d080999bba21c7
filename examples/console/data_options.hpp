#pragma once
// How the programs are told to read data in VOC layout, and what they say about it while they do:
//   --split F   --skip-bad   --exif auto|apply|ignore   --difficult drop|ignore|keep (where they train)
//   --origin voc|zero|zero-inclusive|auto   --missing-xml error|empty   --channels N   --bits 8|16
// Warnings and decisions go to stderr with the name of their data; a line tells how far the check is.
#include "console.hpp"

#include <frcnn/core/pixels.hpp>
#include <frcnn/data/check_cache.hpp>
#include <frcnn/data/dataset.hpp>
#include <frcnn/data/id_split.hpp>
#include <frcnn/data/shared_check.hpp>
#include <frcnn/data/summary.hpp>
#include <frcnn/data/voc_options.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace console {

struct named_data;  // coco_data.hpp

class data_arguments {
 public:
  // training: whether the program takes the part before --split, or the one behind it alone.
  CLI::Option* add_to(CLI::App& app, bool training);
  // All but --split.
  void add_reading_to(CLI::App& app);
  frcnn::pixel_layout layout() const;
  // Images are read as a model reads them. Throws where the options say otherwise.
  void follow(std::string const& model, frcnn::pixel_layout const& its);

  bool skip_bad = false;
  std::string exif = "auto", difficult = "drop", origin = "voc", missing_xml = "error";
  frcnn::data::difficult_objects difficult_in_training() const {
    using enum frcnn::data::difficult_objects;
    return difficult == "keep" ? keep : difficult == "ignore" ? ignore : drop;
  }
  // Crowds are no background: COCO's data has them ignored unless --difficult says otherwise.
  void choose_difficult(std::vector<std::string> const& specs);
  bool splits() const { return fraction_ > 0; }
  double fraction() const { return fraction_; }
  // held_out: the part of the training images that is for validation, the last by that hash.
  frcnn::data::id_range training_part(double held_out = 0) const { return {0, training_end() * (1 - held_out)}; }
  frcnn::data::id_range validation_part(double held_out) const { return {training_end() * (1 - held_out), training_end()}; }
  frcnn::data::id_range test_part() const { return {splits() ? fraction_ : 0, 1}; }

  // Of --test where --split says which of its images those are.
  named_data test_data(std::vector<std::string> const& specs) const;
  // name: "training data", which warnings begin with.
  frcnn::data::voc_options options(std::string const& name, int threads) const;
  frcnn::data::warning_callback hears_warnings{};  // of reading the data, beside the user

 private:
  double training_end() const { return splits() ? fraction_ : 1; }

  double fraction_ = 0;
  std::optional<int> channels_, bits_;
  CLI::Option* difficult_option_ = nullptr;
};

// Training, validation and test data, checked whole: every bad file of all is named before training begins. Prints what is in them.
struct datasets {
  frcnn::data::dataset train, validation, test;
  std::string test_split;  // what result files are called after
  frcnn::data::check_cache checked;
  frcnn::data::named_summaries summaries;  // of those that are there; none in a process that says nothing

  struct request {
    std::vector<std::string> data;    // ROOT, ROOT:SPLIT or FILE.json
    std::vector<std::string> test{};  // empty: the first root's test split, or what `how` splits off
    std::string classes{};            // empty: those of the data
    bool no_test = false;
    int threads = 0;
    std::filesystem::path known{};  // what `checked` saved at the last start; images that have not changed since are not decoded again
    bool headers_only = false;      // nothing is decoded
    std::string validation{};       // ROOT, ROOT:SPLIT or FILE.json; empty: the images held out, where there are any
    double held_out = 0;            // this part of the training images is not trained on
    frcnn::data::check_sharing sharing{};  // the processes of this machine that read this data
    bool validates() const { return !validation.empty() || held_out > 0; }
  };

  datasets(request const& r, data_arguments const& how);

 private:
  void say_what_is_there(request const& r, frcnn::data::warning_callback const& tells);
};

}  // namespace console
