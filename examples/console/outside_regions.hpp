#pragma once
// Proposals of a file for the images of a data set, as programs read them: --proposals FILE.
#include <frcnn/data/dataset.hpp>
#include <frcnn/eval/proposal_file.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace console {

std::vector<frcnn::eval::listed_image> listed_images(frcnn::data::dataset const& set);

// text: of the file, read once for several data sets. elsewhere: a data set whose images the file may have besides.
std::shared_ptr<frcnn::eval::proposal_lists> proposals_in(std::string_view text, frcnn::data::dataset const& set, std::string const& file,
                                                          frcnn::data::dataset const& elsewhere = {});
std::shared_ptr<frcnn::eval::proposal_lists> proposals_of(frcnn::data::dataset const& set, std::string const& file);

}  // namespace console
