#pragma once
// An empty folder of the test's own, gone at the end, and the sentence that something throws.
#include "../sentence.hpp"

#include <stdlib.h>

#include <filesystem>
#include <string>

struct scratch {
  std::filesystem::path path;

  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "frcnn-test-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  scratch(scratch const&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path operator/(std::string const& name) const { return path / name; }
  // How many entries lie in it.
  std::ptrdiff_t entries() const { return std::distance(std::filesystem::directory_iterator(path), {}); }
};
