#pragma once
// Data sets: VOC folders and their check, images in memory, image files, loaders, demo scenes.
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/demo.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/data/loader.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/data/pixel_statistics.hpp"
#include "frcnn/data/shared_images.hpp"
#include "frcnn/data/stored_image.hpp"
#include "frcnn/data/summary.hpp"
#include "frcnn/data/voc.hpp"
#include "frcnn/data/voc_writer.hpp"
