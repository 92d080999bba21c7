#pragma once
// read_image(path), decode_image(bytes, name): a JPEG, PNG or BMP, or a TIFF where the build has libtiff, as RGB, turned as its EXIF
// orientation says.
//
// With the compiled library (target frcnn::images) no decoder is included; else data/image_io.hpp is, which has more: images as stored, and
// files from images. Needs frcnn::data then. Throws frcnn::error that names the file.
#include "frcnn/config.hpp"

#if FRCNN_COMPILED_IMAGES
#include "frcnn/data/compiled.hpp"
#else
#include "frcnn/data/read_image.hpp"
#endif
