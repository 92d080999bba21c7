#pragma once
// The version of the library, in one place. CMake and Conan read it from here.
#define FRCNN_VERSION_MAJOR 0
#define FRCNN_VERSION_MINOR 1
#define FRCNN_VERSION_PATCH 0
