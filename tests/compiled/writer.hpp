#pragma once
#include "frcnn/core/image.hpp"
#include "frcnn/geometry/box.hpp"

#include <filesystem>
#include <vector>

// Files of a detector with random weights and of a picture, and what that detector finds on it.
std::vector<frcnn::detection> written(std::filesystem::path const& model, std::filesystem::path const& picture, frcnn::image const& im);
